/** Fields and input fields of Hasura's schema that the operations use, as `type.field` and `type.field: type`. */
export const schemaRequirements = [
  'Int_comparison_exp._eq: Int',
  'String_comparison_exp._eq: String',
  'mutation_root.insert_user_one',
  'mutation_root.update_user',
  'query_root.user',
  'user.default_role',
  'user.email',
  'user.id',
  'user.password',
  'user.roles',
  'user_bool_exp.email: String_comparison_exp',
  'user_bool_exp.id: Int_comparison_exp',
  'user_bool_exp.password: String_comparison_exp',
  'user_insert_input.email: String',
  'user_insert_input.password: String',
  'user_mutation_response.affected_rows',
  'user_role.role',
  'user_set_input.password: String'
]
