import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { parse, stringify } from 'yaml'
import { errorCodes } from '../src/errors.ts'
import { temporaryFolder } from './support/folders.ts'
import { service } from './support/service.ts'
import { tokenSecret } from './support/sessions.ts'

interface Rule { alert: string, expr: string }

const { groups: [{ rules }] } = parse(readFileSync('docs/alerts.yaml', 'utf8')) as { groups: [{ rules: Rule[] }] }

interface Panel {
  id: number
  title: string
  gridPos: Record<'x' | 'y' | 'w' | 'h', number>
  targets: Array<{ expr: string }>
}

const { panels } = JSON.parse(readFileSync('docs/grafana.json', 'utf8')) as { panels: Panel[] }

/** Every metric of a service with all features, with its labels. */
async function metricsOf (t: Test): Promise<Map<string, string[]>> {
  const { fastify } = await service(t, {
    ...tokenSecret, METRICS_PORT: '0', SMTP_URL: 'smtp://127.0.0.1:1', MAIL_FROM: 'auth@example.com', APP_URL: 'http://127.0.0.1:1'
  })
  return new Map(fastify.metrics.getMetricsAsArray().flatMap((metric) => {
    const { labelNames = [] } = Object(metric) as { labelNames?: string[] }
    const suffixes = String(metric.type) === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
    return suffixes.map(suffix => [`${metric.name}${suffix}`, labelNames])
  }))
}

interface Selector { name: string, matchers: string }

/** The metrics that a PromQL expression selects. */
function selectorsOf (expr: string): Selector[] {
  const found = expr.matchAll(/\b((?:hasura_jwt_auth|process|nodejs)_\w+|up\b)(?:\{([^}]*)\})?/g)
  return Array.from(found, ([, name = '', matchers = '']) => ({ name, matchers }))
}

t.test('the dashboard and the alerts use only metrics, labels and outcomes that exist', async (t) => {
  const metrics = await metricsOf(t)
  const expressions = [...rules, ...panels.flatMap(({ targets }) => targets)].map(({ expr }) => expr)
  t.ok(expressions.length > 30)
  const ofMails = ['sent', 'refused', 'failed', 'dropped', 'abandoned']
  const outcomes = [...errorCodes, 'success', 'gone', 'error', 'unavailable', ...ofMails]
  for (const expr of expressions) {
    const selectors = selectorsOf(expr)
    t.ok(selectors.length > 0, expr)
    t.strictSame(selectors.filter(({ matchers }) => !/^job="(?:hasura-jwt-auth|\$job)"/.test(matchers)), [], `${expr} selects one job`)
    const labels = selectors.flatMap(({ name }) => metrics.get(name) ?? [])
    for (const { name, matchers } of selectors) {
      t.ok(name === 'up' || metrics.has(name), `${name} exists`)
      for (const [, label = '', values = ''] of matchers.matchAll(/(\w+)=~?"([^"]*)"/g)) {
        if (label === 'job') continue
        t.ok(metrics.get(name)?.includes(label), `${name} has the label ${label}`)
        t.strictSame(values.split('|').filter(value => !outcomes.includes(value)), [], expr)
      }
    }
    for (const [, list = ''] of expr.matchAll(/\bby \(([^)]*)\)/g)) {
      t.strictSame(list.split(', ').filter(label => label !== 'le' && !labels.includes(label)), [], expr)
    }
  }
})

t.test('the dashboard shows every metric of the service, in panels that do not overlap', async (t) => {
  const targets = panels.flatMap(panel => panel.targets)
  const shown = targets.flatMap(({ expr }) => selectorsOf(expr)).map(({ name }) => name)
  const own = Array.from((await metricsOf(t)).keys(), name => name.replace(/_(?:bucket|sum|count)$/, ''))
  const isShown = (name: string): boolean => shown.some(item => item.replace(/_(?:bucket|sum|count)$/, '') === name)
  t.strictSame(own.filter(name => name.startsWith('hasura_jwt_auth_') && !isShown(name)), [])
  t.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
  for (const { title, gridPos: a } of panels) {
    const overlapping = panels.filter(({ gridPos: b }) => (
      a !== b && a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h
    ))
    t.strictSame(overlapping.map(panel => panel.title), [], title)
    t.ok(a.x + a.w <= 24, title)
  }
})

t.test('the operations page explains every alert, and no other', async (t) => {
  const [, page = ''] = readFileSync('docs/operations.md', 'utf8').split('### Dashboard and alerts')
  t.strictSame(Array.from(page.matchAll(/^\| `([A-Z]\w+)` \|/gm), ([, name]) => name), rules.map(({ alert }) => alert))
})

const noPromtool = spawnSync('promtool', ['--version']).error !== undefined
  && 'there is no promtool in the PATH (on Debian: apt-get install prometheus)'

t.test('promtool accepts the rules', { skip: noPromtool }, async (t) => {
  const printed = execFileSync('promtool', ['check', 'rules', 'docs/alerts.yaml'], { encoding: 'utf8' })
  t.match(printed, `SUCCESS: ${rules.length} rules found`)
})

interface Series { series: string, values: string }

/** Lets promtool check which alerts fire on the series, of which there is one value a minute. */
function checkAlerts (t: Test, series: Series[], minutes: number, firing: string[]): void {
  const file = join(temporaryFolder(t), 'test.yaml')
  writeFileSync(file, stringify({
    rule_files: [resolve('docs/alerts.yaml')],
    tests: [{
      interval: '1m',
      input_series: series,
      promql_expr_test: rules.map(({ alert }) => ({
        expr: `count(ALERTS{alertname="${alert}",alertstate="firing"}) > bool 0 or vector(0)`,
        eval_time: `${minutes}m`,
        exp_samples: [{ labels: '{}', value: firing.includes(alert) ? 1 : 0 }]
      }))
    }]
  }))
  const { stdout, stderr } = spawnSync('promtool', ['test', 'rules', file], { encoding: 'utf8' })
  t.match(stdout + stderr, 'SUCCESS', firing.join())
}

const series = (name: string, values: string): Series => ({ series: `${name}{job="hasura-jwt-auth",instance="a"}`, values })

const attempts = (outcome: string, values: string): Series => ({
  series: `hasura_jwt_auth_attempts_total{job="hasura-jwt-auth",instance="a",action="Login",outcome="${outcome}"}`, values
})

/** Two logins fail each second, as on every day. */
const healthy = (minutes: number): Series[] => [
  series('up', `1x${minutes}`),
  series('hasura_jwt_auth_ready', `1x${minutes}`),
  series('nodejs_eventloop_lag_p99_seconds', `0.01x${minutes}`),
  series('hasura_jwt_auth_refresh_token_reuse_total', `0x${minutes}`),
  attempts('success', `0+600x${minutes}`),
  attempts('invalid-credentials', `0+120x${minutes}`),
  attempts('overloaded', `0+1x${minutes}`)
]

t.test('no alert fires while all is well', { skip: noPromtool }, async (t) => {
  checkAlerts(t, healthy(1600), 1590, [])
})

t.test('two failures in five minutes raise no alert, even with few attempts', { skip: noPromtool }, async (t) => {
  const quiet = healthy(100).filter(({ series }) => !series.includes('attempts'))
  for (const outcome of ['hasura-unavailable', 'overloaded', 'internal']) {
    checkAlerts(t, [...quiet, attempts('success', '0x90 1x10'), attempts(outcome, '0x90 1 2x9')], 95, [])
  }
})

t.test('metrics of another job, such as a staging system, neither raise nor hide an alert', { skip: noPromtool }, async (t) => {
  const others = (all: Series[]): Series[] => all.map(({ series, values }) => (
    { series: series.replace('job="hasura-jwt-auth"', 'job="staging"'), values }
  ))
  const failing = [
    series('hasura_jwt_auth_ready', '0x100'), series('up', '0x100'), series('nodejs_eventloop_lag_p99_seconds', '1x100'),
    series('hasura_jwt_auth_refresh_token_reuse_total', '0+1x100'), series('hasura_jwt_auth_mail_retries_total', '0+1x100'),
    ...['hasura-unavailable', 'overloaded', 'internal', 'access-denied'].map(outcome => attempts(outcome, '0+60x100')),
    attempts('invalid-credentials', '0x60 0+600x40')
  ]
  // Without failed logins: those of 100 minutes would be more than five times the average of the day.
  const well = healthy(100).filter(({ series }) => !series.includes('invalid-credentials'))
  checkAlerts(t, [...well, ...others(failing)], 95, [])
  const most = rules.map(({ alert }) => alert).filter(alert => alert !== 'PasswordGuessing')
  checkAlerts(t, [...failing.slice(0, -1), ...others(well)], 95, most)
})

t.test('each alert fires on its fault', { skip: noPromtool }, async (t) => {
  const faults: Array<[firing: string[], fault: Series[]]> = [
    [['NoReplicaReady', 'ReplicaMissing'], [series('hasura_jwt_auth_ready', '0x100')]],
    [['ReplicaMissing'], [series('hasura_jwt_auth_ready', '0x100'), { series: 'hasura_jwt_auth_ready{job="hasura-jwt-auth",instance="b"}', values: '1x100' }]],
    [['ReplicaMissing'], [series('up', '0x100')]],
    [['HasuraUnavailable'], [attempts('hasura-unavailable', '0+60x100')]],
    [['Overloaded'], [attempts('overloaded', '0+60x100')]],
    [['InternalErrors'], [attempts('internal', '0+60x100')]],
    [['PasswordGuessing'], [attempts('invalid-credentials', '0x60 0+600x40')]],
    [['PasswordGuessing'], [attempts('rate-limited', '0x60 0+600x40')]],
    [['WebhookAccessDenied'], [attempts('access-denied', '0+1x100')]],
    [['RefreshTokenReused'], [series('hasura_jwt_auth_refresh_token_reuse_total', '0x60 1x40')]],
    [['MailFails'], [{ series: 'hasura_jwt_auth_mails_total{job="hasura-jwt-auth",mail="reset-password",outcome="failed"}', values: '0+1x100' }]],
    [['EventLoopSlow'], [series('nodejs_eventloop_lag_p99_seconds', '0.5x100')]]
  ]
  t.strictSame([...new Set(faults.map(([[alert]]) => alert))], rules.map(({ alert }) => alert), 'every alert has a fault')
  for (const [firing, fault] of faults) {
    const replaced = ['invalid-credentials', ...fault.map(({ series }) => series)]
    const others = healthy(100).filter(({ series }) => !replaced.some(text => series.includes(text)))
    checkAlerts(t, [...others, ...fault], 95, firing)
  }
})
