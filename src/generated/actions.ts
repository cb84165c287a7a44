export type Maybe<T> = T | null;
export type InputMaybe<T> = Maybe<T>;
/** All built-in and custom scalars, mapped to their actual values */
export type Scalars = {
  ID: { input: string; output: string; }
  String: { input: string; output: string; }
  Boolean: { input: boolean; output: boolean; }
  Int: { input: number; output: number; }
  Float: { input: number; output: number; }
  uuid: { input: string; output: string; }
};

export type CreateUserOutput = {
  email: Scalars['String']['output'];
  id: Scalars['Int']['output'];
  password: Scalars['String']['output'];
};

export type Done = {
  ok: Scalars['Boolean']['output'];
};

export type JsonWebToken = {
  expires_in?: Maybe<Scalars['Int']['output']>;
  refresh_token?: Maybe<Scalars['String']['output']>;
  session_id?: Maybe<Scalars['String']['output']>;
  token: Scalars['String']['output'];
};

export type Mutation = {
  ChangeEmail?: Maybe<Done>;
  ChangePassword?: Maybe<JsonWebToken>;
  ConfirmEmailChange?: Maybe<Done>;
  DeleteAccount?: Maybe<Done>;
  Login?: Maybe<JsonWebToken>;
  Logout?: Maybe<Done>;
  Refresh?: Maybe<JsonWebToken>;
  RequestPasswordReset?: Maybe<Done>;
  ResetPassword?: Maybe<Done>;
  RevokeSession?: Maybe<Done>;
  SendVerification?: Maybe<Done>;
  Signup?: Maybe<CreateUserOutput>;
  VerifyEmail?: Maybe<Done>;
};


export type MutationChangeEmailArgs = {
  email: Scalars['String']['input'];
  password: Scalars['String']['input'];
};


export type MutationChangePasswordArgs = {
  current_password: Scalars['String']['input'];
  new_password: Scalars['String']['input'];
};


export type MutationConfirmEmailChangeArgs = {
  token: Scalars['String']['input'];
};


export type MutationDeleteAccountArgs = {
  password: Scalars['String']['input'];
};


export type MutationLoginArgs = {
  email: Scalars['String']['input'];
  password: Scalars['String']['input'];
};


export type MutationLogoutArgs = {
  everywhere?: InputMaybe<Scalars['Boolean']['input']>;
  refresh_token?: InputMaybe<Scalars['String']['input']>;
};


export type MutationRefreshArgs = {
  refresh_token?: InputMaybe<Scalars['String']['input']>;
};


export type MutationRequestPasswordResetArgs = {
  email: Scalars['String']['input'];
};


export type MutationResetPasswordArgs = {
  password: Scalars['String']['input'];
  token: Scalars['String']['input'];
};


export type MutationRevokeSessionArgs = {
  id: Scalars['String']['input'];
};


export type MutationSignupArgs = {
  email: Scalars['String']['input'];
  password: Scalars['String']['input'];
};


export type MutationVerifyEmailArgs = {
  token: Scalars['String']['input'];
};
