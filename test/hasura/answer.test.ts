import t from 'tap'
import { HasuraError, violatesConstraint } from '../../src/hasura/answer.ts'

const violation = (message: string): HasuraError => new HasuraError(message, 'constraint-violation', '$')

t.test('a violated constraint is found by its name, whatever language and quotation marks PostgreSQL uses', async (t) => {
  const messages = [
    'Uniqueness violation. duplicate key value violates unique constraint "user_email_key"',
    'Uniqueness violation. doppelter Schlüsselwert verletzt Unique-Constraint »user_email_key«',
    'Uniqueness violation. la valeur d\'une clé dupliquée rompt la contrainte unique « user_email_key »',
    'Uniqueness violation. la valeur d\'une clé dupliquée rompt la contrainte unique «\u00A0user_email_key\u00A0»',
    'Uniqueness violation. llave duplicada viola restricción de unicidad «user_email_key»',
    'Uniqueness violation. повторяющееся значение ключа нарушает ограничение уникальности "user_email_key"',
    'Uniqueness violation. 重複したキー値は一意性制約"user_email_key"違反となります',
    'Uniqueness violation. 重複したキー値は一意性制約「user_email_key」違反となります',
    'Uniqueness violation. 重复键违反唯一约束“user_email_key”',
    'Uniqueness violation. podwójna wartość klucza narusza ograniczenie unikalności „user_email_key”',
    'user_email_key\'',
    'user_email_key'
  ]
  for (const message of messages) t.ok(violatesConstraint(violation(message), 'user_email_key'), message)
})

t.test('a part of a longer name is another constraint', async (t) => {
  const names = [
    'user_email_key1', 'user_email_key_old', 'old_user_email_key', 'user_email_key$', 'xuser_email_key', 'éuser_email_key',
    'user_email_keyß', '顧客user_email_key', '𐐀user_email_key', 'user_email_key𐐀', 'user_email_key\u0301', 'user_email_key-2',
    'USER_EMAIL_KEY', 'user_email'
  ]
  for (const name of names) {
    for (const message of [`Uniqueness violation. … "${name}"`, `Uniqueness violation. … «${name}»`, name]) {
      t.notOk(violatesConstraint(violation(message), 'user_email_key'), message)
    }
  }
  t.ok(violatesConstraint(violation('»user_email_key_old« »user_email_key«'), 'user_email_key'), 'the second name of a message')
})

t.test('any other error violates no constraint', async (t) => {
  const message = 'Uniqueness violation. … "user_email_key"'
  for (const error of [
    new HasuraError(message, 'permission-error', '$'), new Error(message), { message, code: 'constraint-violation' }, undefined
  ]) t.notOk(violatesConstraint(error, 'user_email_key'))
})
