/** Cost of Argon2id, with the names of @node-rs/argon2. */
export interface Cost { memoryCost: number, timeCost: number, parallelism: number }

/** The password of every user of the Hasura stand-in. */
export const password = 'a-password-of-the-bench'

export const adminSecret = 'admin-secret-of-the-bench'

export const tokenSecret = 'a-token-secret-of-the-bench-of-32-characters'

export const actionSecret = 'action-secret-of-the-bench'

/** The headers of a request to the service. */
export const headers = { 'content-type': 'application/json', 'x-hasura-action-secret': actionSecret }
