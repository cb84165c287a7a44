/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
export type CreateUserMutationVariables = Exact<{
  email: string;
  password: string;
}>;


export type CreateUserMutation = { insert_user_one: { id: number, email: string, password: string } | null };

export type ReadyQueryVariables = Exact<{ [key: string]: never; }>;


export type ReadyQuery = { user: Array<{ id: number, default_role: string, roles: Array<{ role: string }> }> };

export type TokenUserFragment = { id: number, default_role: string, roles: Array<{ role: string }> };

export type UpdatePasswordMutationVariables = Exact<{
  id: number;
  verified_hash: string;
  new_hash: string;
}>;


export type UpdatePasswordMutation = { update_user: { affected_rows: number } | null };

export type UserByEmailQueryVariables = Exact<{
  email: string;
}>;


export type UserByEmailQuery = { user: Array<{ password: string, id: number, default_role: string, roles: Array<{ role: string }> }> };

export class TypedDocumentString<TResult, TVariables>
  extends String
  implements DocumentTypeDecoration<TResult, TVariables>
{
  __apiType?: NonNullable<DocumentTypeDecoration<TResult, TVariables>['__apiType']>;
  private value: string;
  public __meta__?: Record<string, any> | undefined;

  constructor(value: string, __meta__?: Record<string, any> | undefined) {
    super(value);
    this.value = value;
    this.__meta__ = __meta__;
  }

  override toString(): string & DocumentTypeDecoration<TResult, TVariables> {
    return this.value;
  }
}
export const TokenUserFragmentDoc = new TypedDocumentString(`
    fragment TokenUser on user {
  id
  default_role
  roles {
    role
  }
}
    `, {"fragmentName":"TokenUser"}) as unknown as TypedDocumentString<TokenUserFragment, unknown>;
export const CreateUserDocument = new TypedDocumentString(`
    mutation CreateUser($email: String!, $password: String!) {
  insert_user_one(object: {email: $email, password: $password}) {
    id
    email
    password
  }
}
    `) as unknown as TypedDocumentString<CreateUserMutation, CreateUserMutationVariables>;
export const ReadyDocument = new TypedDocumentString(`
    query Ready {
  user(limit: 0) {
    ...TokenUser
  }
}
    fragment TokenUser on user {
  id
  default_role
  roles {
    role
  }
}`) as unknown as TypedDocumentString<ReadyQuery, ReadyQueryVariables>;
export const UpdatePasswordDocument = new TypedDocumentString(`
    mutation UpdatePassword($id: Int!, $verified_hash: String!, $new_hash: String!) {
  update_user(
    where: {id: {_eq: $id}, password: {_eq: $verified_hash}}
    _set: {password: $new_hash}
  ) {
    affected_rows
  }
}
    `) as unknown as TypedDocumentString<UpdatePasswordMutation, UpdatePasswordMutationVariables>;
export const UserByEmailDocument = new TypedDocumentString(`
    query UserByEmail($email: String!) {
  user(where: {email: {_eq: $email}}, limit: 1) {
    ...TokenUser
    password
  }
}
    fragment TokenUser on user {
  id
  default_role
  roles {
    role
  }
}`) as unknown as TypedDocumentString<UserByEmailQuery, UserByEmailQueryVariables>;