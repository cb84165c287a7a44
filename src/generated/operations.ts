/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
export type Int_Comparison_Exp = {
  _eq?: number | null | undefined;
  _gt?: number | null | undefined;
  _gte?: number | null | undefined;
  _in?: Array<number> | null | undefined;
  _is_null?: boolean | null | undefined;
  _lt?: number | null | undefined;
  _lte?: number | null | undefined;
  _neq?: number | null | undefined;
  _nin?: Array<number> | null | undefined;
};

export type String_Comparison_Exp = {
  _eq?: string | null | undefined;
  _gt?: string | null | undefined;
  _gte?: string | null | undefined;
  _ilike?: string | null | undefined;
  _in?: Array<string> | null | undefined;
  _iregex?: string | null | undefined;
  _is_null?: boolean | null | undefined;
  _like?: string | null | undefined;
  _lt?: string | null | undefined;
  _lte?: string | null | undefined;
  _neq?: string | null | undefined;
  _nilike?: string | null | undefined;
  _nin?: Array<string> | null | undefined;
  _niregex?: string | null | undefined;
  _nlike?: string | null | undefined;
  _nregex?: string | null | undefined;
  _nsimilar?: string | null | undefined;
  _regex?: string | null | undefined;
  _similar?: string | null | undefined;
};

export type Timestamptz_Comparison_Exp = {
  _eq?: string | null | undefined;
  _gt?: string | null | undefined;
  _gte?: string | null | undefined;
  _in?: Array<string> | null | undefined;
  _is_null?: boolean | null | undefined;
  _lt?: string | null | undefined;
  _lte?: string | null | undefined;
  _neq?: string | null | undefined;
  _nin?: Array<string> | null | undefined;
};

export type User_Bool_Exp = {
  _and?: Array<User_Bool_Exp> | null | undefined;
  _not?: User_Bool_Exp | null | undefined;
  _or?: Array<User_Bool_Exp> | null | undefined;
  created_at?: Timestamptz_Comparison_Exp | null | undefined;
  default_role?: String_Comparison_Exp | null | undefined;
  disabled_at?: Timestamptz_Comparison_Exp | null | undefined;
  email?: String_Comparison_Exp | null | undefined;
  email_verified_at?: Timestamptz_Comparison_Exp | null | undefined;
  id?: Int_Comparison_Exp | null | undefined;
  last_login_at?: Timestamptz_Comparison_Exp | null | undefined;
  password?: String_Comparison_Exp | null | undefined;
  roles?: User_Role_Bool_Exp | null | undefined;
  sessions?: User_Session_Bool_Exp | null | undefined;
  updated_at?: Timestamptz_Comparison_Exp | null | undefined;
};

export type User_Role_Bool_Exp = {
  _and?: Array<User_Role_Bool_Exp> | null | undefined;
  _not?: User_Role_Bool_Exp | null | undefined;
  _or?: Array<User_Role_Bool_Exp> | null | undefined;
  role?: String_Comparison_Exp | null | undefined;
  user?: User_Bool_Exp | null | undefined;
  user_id?: Int_Comparison_Exp | null | undefined;
};

export type User_Session_Bool_Exp = {
  _and?: Array<User_Session_Bool_Exp> | null | undefined;
  _not?: User_Session_Bool_Exp | null | undefined;
  _or?: Array<User_Session_Bool_Exp> | null | undefined;
  created_at?: Timestamptz_Comparison_Exp | null | undefined;
  ended_at?: Timestamptz_Comparison_Exp | null | undefined;
  ended_because?: String_Comparison_Exp | null | undefined;
  expires_at?: Timestamptz_Comparison_Exp | null | undefined;
  generation?: Int_Comparison_Exp | null | undefined;
  id?: Uuid_Comparison_Exp | null | undefined;
  idle_expires_at?: Timestamptz_Comparison_Exp | null | undefined;
  refreshed_at?: Timestamptz_Comparison_Exp | null | undefined;
  user?: User_Bool_Exp | null | undefined;
  user_agent?: String_Comparison_Exp | null | undefined;
  user_id?: Int_Comparison_Exp | null | undefined;
};

export type Uuid_Comparison_Exp = {
  _eq?: string | null | undefined;
  _gt?: string | null | undefined;
  _gte?: string | null | undefined;
  _in?: Array<string> | null | undefined;
  _is_null?: boolean | null | undefined;
  _lt?: string | null | undefined;
  _lte?: string | null | undefined;
  _neq?: string | null | undefined;
  _nin?: Array<string> | null | undefined;
};

export type ChangePasswordMutationVariables = Exact<{
  user: User_Bool_Exp;
  user_id: number;
  new_hash: string;
  session_id: string;
  now: string;
  idle_expires_at: string;
  expires_at: string;
  user_agent?: string | null | undefined;
}>;


export type ChangePasswordMutation = { update_user: { affected_rows: number } | null, update_user_session: { affected_rows: number } | null, insert_user_session_one: { id: string } | null, delete_user_session: { affected_rows: number } | null };

export type ConfirmEmailChangeMutationVariables = Exact<{
  where: User_Bool_Exp;
  user_id: number;
  email: string;
  now: string;
}>;


export type ConfirmEmailChangeMutation = { update_user: { affected_rows: number } | null, update_user_session: { affected_rows: number } | null };

export type CreateUserMutationVariables = Exact<{
  email: string;
  password: string;
}>;


export type CreateUserMutation = { insert_user_one: { id: number, email: string, password: string } | null };

export type DeleteStaleSessionsMutationVariables = Exact<{
  ids: Array<string> | string;
  before: string;
}>;


export type DeleteStaleSessionsMutation = { delete_user_session: { affected_rows: number } | null };

export type DeleteUserMutationVariables = Exact<{
  where: User_Bool_Exp;
}>;


export type DeleteUserMutation = { delete_user: { affected_rows: number } | null };

export type EndSessionsMutationVariables = Exact<{
  where: User_Session_Bool_Exp;
  now: string;
  reason: string;
}>;


export type EndSessionsMutation = { update_user_session: { affected_rows: number } | null };

export type FindUserQueryVariables = Exact<{
  where: User_Bool_Exp;
}>;


export type FindUserQuery = { user: Array<{ email: string, password: string, id: number, default_role: string, disabled_at: string | null, email_verified_at: string | null, roles: Array<{ role: string }> }> };

export type ReadyQueryVariables = Exact<{ [key: string]: never; }>;


export type ReadyQuery = { user: Array<{ id: number, default_role: string, disabled_at: string | null, email_verified_at: string | null, roles: Array<{ role: string }> }> };

export type RefreshSessionMutationVariables = Exact<{
  id: string;
  generation: number;
  next_generation: number;
  now: string;
  grace_start: string;
  idle_expires_at: string;
}>;


export type RefreshSessionMutation = { swap: { returning: Array<{ user: { id: number, default_role: string, disabled_at: string | null, email_verified_at: string | null, roles: Array<{ role: string }> } }> } | null, reuse: { returning: Array<{ user_id: number }> } | null };

export type ReplacePasswordMutationVariables = Exact<{
  user: User_Bool_Exp;
  user_id: number;
  new_hash: string;
  now: string;
}>;


export type ReplacePasswordMutation = { update_user: { affected_rows: number } | null, update_user_session: { affected_rows: number } | null };

export type ResetPasswordMutationVariables = Exact<{
  where: User_Bool_Exp;
  user_id: number;
  new_hash: string;
  now: string;
}>;


export type ResetPasswordMutation = { update_user: { affected_rows: number } | null, verify: { affected_rows: number } | null, update_user_session: { affected_rows: number } | null };

export type SessionInGraceQueryVariables = Exact<{
  id: string;
  generations: Array<number> | number;
  now: string;
  grace_start: string;
}>;


export type SessionInGraceQuery = { user_session: Array<{ generation: number, user: { id: number, default_role: string, disabled_at: string | null, email_verified_at: string | null, roles: Array<{ role: string }> } }> };

export type StaleSessionsQueryVariables = Exact<{
  before: string;
}>;


export type StaleSessionsQuery = { ended: Array<{ id: string }>, expired: Array<{ id: string }> };

export type StartSessionMutationVariables = Exact<{
  user_id: number;
  email: string;
  verified_hash: string;
  session_id: string;
  now: string;
  idle_expires_at: string;
  expires_at: string;
  user_agent?: string | null | undefined;
}>;


export type StartSessionMutation = { update_user: { affected_rows: number } | null, insert_user_session_one: { id: string } | null, delete_user_session: { affected_rows: number } | null };

export type TokenUserFragment = { id: number, default_role: string, disabled_at: string | null, email_verified_at: string | null, roles: Array<{ role: string }> };

export type UpdatePasswordMutationVariables = Exact<{
  id: number;
  verified_hash: string;
  new_hash: string;
}>;


export type UpdatePasswordMutation = { update_user: { affected_rows: number } | null };

export type UserByEmailQueryVariables = Exact<{
  email: string;
}>;


export type UserByEmailQuery = { user: Array<{ email: string, password: string, id: number, default_role: string, disabled_at: string | null, email_verified_at: string | null, roles: Array<{ role: string }> }> };

export type VerifyEmailMutationVariables = Exact<{
  where: User_Bool_Exp;
  now: string;
}>;


export type VerifyEmailMutation = { update_user: { affected_rows: number } | null };

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
  disabled_at
  email_verified_at
  roles {
    role
  }
}
    `, {"fragmentName":"TokenUser"}) as unknown as TypedDocumentString<TokenUserFragment, unknown>;
export const ChangePasswordDocument = new TypedDocumentString(`
    mutation ChangePassword($user: user_bool_exp!, $user_id: Int!, $new_hash: String!, $session_id: uuid!, $now: timestamptz!, $idle_expires_at: timestamptz!, $expires_at: timestamptz!, $user_agent: String) {
  update_user(where: $user, _set: {password: $new_hash}) {
    affected_rows
  }
  update_user_session(
    where: {ended_at: {_is_null: true}, user: {id: {_eq: $user_id}, password: {_eq: $new_hash}}}
    _set: {ended_at: $now, ended_because: "password-changed"}
  ) {
    affected_rows
  }
  insert_user_session_one(
    object: {id: $session_id, user_id: $user_id, created_at: $now, refreshed_at: $now, idle_expires_at: $idle_expires_at, expires_at: $expires_at, user_agent: $user_agent}
  ) {
    id
  }
  delete_user_session(
    where: {id: {_eq: $session_id}, _not: {user: {password: {_eq: $new_hash}, disabled_at: {_is_null: true}}}}
  ) {
    affected_rows
  }
}
    `) as unknown as TypedDocumentString<ChangePasswordMutation, ChangePasswordMutationVariables>;
export const ConfirmEmailChangeDocument = new TypedDocumentString(`
    mutation ConfirmEmailChange($where: user_bool_exp!, $user_id: Int!, $email: String!, $now: timestamptz!) {
  update_user(where: $where, _set: {email: $email, email_verified_at: $now}) {
    affected_rows
  }
  update_user_session(
    where: {ended_at: {_is_null: true}, user: {id: {_eq: $user_id}, email: {_eq: $email}, email_verified_at: {_eq: $now}}}
    _set: {ended_at: $now, ended_because: "email-changed"}
  ) {
    affected_rows
  }
}
    `) as unknown as TypedDocumentString<ConfirmEmailChangeMutation, ConfirmEmailChangeMutationVariables>;
export const CreateUserDocument = new TypedDocumentString(`
    mutation CreateUser($email: String!, $password: String!) {
  insert_user_one(object: {email: $email, password: $password}) {
    id
    email
    password
  }
}
    `) as unknown as TypedDocumentString<CreateUserMutation, CreateUserMutationVariables>;
export const DeleteStaleSessionsDocument = new TypedDocumentString(`
    mutation DeleteStaleSessions($ids: [uuid!]!, $before: timestamptz!) {
  delete_user_session(
    where: {id: {_in: $ids}, _or: [{ended_at: {_lt: $before}}, {expires_at: {_lt: $before}}]}
  ) {
    affected_rows
  }
}
    `) as unknown as TypedDocumentString<DeleteStaleSessionsMutation, DeleteStaleSessionsMutationVariables>;
export const DeleteUserDocument = new TypedDocumentString(`
    mutation DeleteUser($where: user_bool_exp!) {
  delete_user(where: $where) {
    affected_rows
  }
}
    `) as unknown as TypedDocumentString<DeleteUserMutation, DeleteUserMutationVariables>;
export const EndSessionsDocument = new TypedDocumentString(`
    mutation EndSessions($where: user_session_bool_exp!, $now: timestamptz!, $reason: String!) {
  update_user_session(
    where: {_and: [$where, {ended_at: {_is_null: true}}]}
    _set: {ended_at: $now, ended_because: $reason}
  ) {
    affected_rows
  }
}
    `) as unknown as TypedDocumentString<EndSessionsMutation, EndSessionsMutationVariables>;
export const FindUserDocument = new TypedDocumentString(`
    query FindUser($where: user_bool_exp!) {
  user(where: $where, limit: 1) {
    ...TokenUser
    email
    password
  }
}
    fragment TokenUser on user {
  id
  default_role
  disabled_at
  email_verified_at
  roles {
    role
  }
}`) as unknown as TypedDocumentString<FindUserQuery, FindUserQueryVariables>;
export const ReadyDocument = new TypedDocumentString(`
    query Ready {
  user(limit: 0) {
    ...TokenUser
  }
}
    fragment TokenUser on user {
  id
  default_role
  disabled_at
  email_verified_at
  roles {
    role
  }
}`) as unknown as TypedDocumentString<ReadyQuery, ReadyQueryVariables>;
export const RefreshSessionDocument = new TypedDocumentString(`
    mutation RefreshSession($id: uuid!, $generation: Int!, $next_generation: Int!, $now: timestamptz!, $grace_start: timestamptz!, $idle_expires_at: timestamptz!) {
  swap: update_user_session(
    where: {id: {_eq: $id}, generation: {_eq: $generation}, refreshed_at: {_lte: $grace_start}, ended_at: {_is_null: true}, idle_expires_at: {_gt: $now}, expires_at: {_gt: $now}, user: {disabled_at: {_is_null: true}}}
    _set: {generation: $next_generation, refreshed_at: $now, idle_expires_at: $idle_expires_at}
  ) {
    returning {
      user {
        ...TokenUser
      }
    }
  }
  reuse: update_user_session(
    where: {id: {_eq: $id}, ended_at: {_is_null: true}, _or: [{generation: {_gt: $next_generation}}, {generation: {_eq: $next_generation}, refreshed_at: {_lt: $grace_start}}]}
    _set: {ended_at: $now, ended_because: "reuse"}
  ) {
    returning {
      user_id
    }
  }
}
    fragment TokenUser on user {
  id
  default_role
  disabled_at
  email_verified_at
  roles {
    role
  }
}`) as unknown as TypedDocumentString<RefreshSessionMutation, RefreshSessionMutationVariables>;
export const ReplacePasswordDocument = new TypedDocumentString(`
    mutation ReplacePassword($user: user_bool_exp!, $user_id: Int!, $new_hash: String!, $now: timestamptz!) {
  update_user(where: $user, _set: {password: $new_hash}) {
    affected_rows
  }
  update_user_session(
    where: {ended_at: {_is_null: true}, user: {id: {_eq: $user_id}, password: {_eq: $new_hash}}}
    _set: {ended_at: $now, ended_because: "password-changed"}
  ) {
    affected_rows
  }
}
    `) as unknown as TypedDocumentString<ReplacePasswordMutation, ReplacePasswordMutationVariables>;
export const ResetPasswordDocument = new TypedDocumentString(`
    mutation ResetPassword($where: user_bool_exp!, $user_id: Int!, $new_hash: String!, $now: timestamptz!) {
  update_user(where: $where, _set: {password: $new_hash}) {
    affected_rows
  }
  verify: update_user(
    where: {id: {_eq: $user_id}, password: {_eq: $new_hash}, email_verified_at: {_is_null: true}}
    _set: {email_verified_at: $now}
  ) {
    affected_rows
  }
  update_user_session(
    where: {ended_at: {_is_null: true}, user: {id: {_eq: $user_id}, password: {_eq: $new_hash}}}
    _set: {ended_at: $now, ended_because: "password-changed"}
  ) {
    affected_rows
  }
}
    `) as unknown as TypedDocumentString<ResetPasswordMutation, ResetPasswordMutationVariables>;
export const SessionInGraceDocument = new TypedDocumentString(`
    query SessionInGrace($id: uuid!, $generations: [Int!]!, $now: timestamptz!, $grace_start: timestamptz!) {
  user_session(
    where: {id: {_eq: $id}, generation: {_in: $generations}, refreshed_at: {_gte: $grace_start}, ended_at: {_is_null: true}, idle_expires_at: {_gt: $now}, expires_at: {_gt: $now}, user: {disabled_at: {_is_null: true}}}
  ) {
    generation
    user {
      ...TokenUser
    }
  }
}
    fragment TokenUser on user {
  id
  default_role
  disabled_at
  email_verified_at
  roles {
    role
  }
}`) as unknown as TypedDocumentString<SessionInGraceQuery, SessionInGraceQueryVariables>;
export const StaleSessionsDocument = new TypedDocumentString(`
    query StaleSessions($before: timestamptz!) {
  ended: user_session(
    where: {ended_at: {_lt: $before}}
    order_by: {ended_at: asc}
    limit: 500
  ) {
    id
  }
  expired: user_session(
    where: {expires_at: {_lt: $before}}
    order_by: {expires_at: asc}
    limit: 500
  ) {
    id
  }
}
    `) as unknown as TypedDocumentString<StaleSessionsQuery, StaleSessionsQueryVariables>;
export const StartSessionDocument = new TypedDocumentString(`
    mutation StartSession($user_id: Int!, $email: String!, $verified_hash: String!, $session_id: uuid!, $now: timestamptz!, $idle_expires_at: timestamptz!, $expires_at: timestamptz!, $user_agent: String) {
  update_user(
    where: {id: {_eq: $user_id}, email: {_eq: $email}, password: {_eq: $verified_hash}, disabled_at: {_is_null: true}}
    _set: {last_login_at: $now}
  ) {
    affected_rows
  }
  insert_user_session_one(
    object: {id: $session_id, user_id: $user_id, created_at: $now, refreshed_at: $now, idle_expires_at: $idle_expires_at, expires_at: $expires_at, user_agent: $user_agent}
  ) {
    id
  }
  delete_user_session(
    where: {id: {_eq: $session_id}, _not: {user: {email: {_eq: $email}, password: {_eq: $verified_hash}, disabled_at: {_is_null: true}}}}
  ) {
    affected_rows
  }
}
    `) as unknown as TypedDocumentString<StartSessionMutation, StartSessionMutationVariables>;
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
    email
    password
  }
}
    fragment TokenUser on user {
  id
  default_role
  disabled_at
  email_verified_at
  roles {
    role
  }
}`) as unknown as TypedDocumentString<UserByEmailQuery, UserByEmailQueryVariables>;
export const VerifyEmailDocument = new TypedDocumentString(`
    mutation VerifyEmail($where: user_bool_exp!, $now: timestamptz!) {
  update_user(where: $where, _set: {email_verified_at: $now}) {
    affected_rows
  }
}
    `) as unknown as TypedDocumentString<VerifyEmailMutation, VerifyEmailMutationVariables>;