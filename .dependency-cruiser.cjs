/** Dependencies point inward: see "Architecture" in the README. */
const forbid = (name, from, to, comment) => ({
  name,
  severity: 'error',
  comment,
  from: { path: from },
  to: { path: to },
})

/** Folders of src/migration, each knows those before it; the files above them put them together. */
const LAYERS = ['sql', 'catalog', 'file', 'meaning', 'schema', 'rows', 'verify']
const layer = (name, index) =>
  forbid(
    `migration-${name}-is-below`,
    `^src/migration/${name}/`,
    `^src/migration/(?!ports\\.ts|(${LAYERS.slice(0, index + 1).join('|')})/)`,
    'see "Architecture" in the README for the order',
  )

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-orphan-dependency',
      severity: 'error',
      from: { path: '^(src|publishers|consumers)' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'unknown', 'undetermined'] },
    },
    {
      name: 'migration-is-pure',
      severity: 'error',
      comment: 'The heart has no I/O of its own.',
      from: { path: '^src/migration' },
      to: { pathNot: ['^src/(migration|errors)', '^(node:)?(crypto|path|util)$'] },
    },
    ...LAYERS.map(layer),
    forbid(
      'fleet-knows-ports-only',
      '^src/fleet',
      '^src/(store|queue|tracker)/(?!port)',
      'fleet knows ports, not adapters',
    ),
    forbid('fleet-not-cli', '^src/(fleet|engine|store|queue|tracker|ops)', '^src/cli'),
    forbid('engine-is-inward', '^src/engine', '^src/(store|queue|tracker|fleet|ops)'),
    forbid('store-alone', '^src/store', '^src/(queue|tracker|engine|ops)'),
    forbid('queue-alone', '^src/queue', '^src/(store|tracker|engine|ops)'),
    forbid('tracker-alone', '^src/tracker', '^src/(queue|engine|ops|secrets)'),
    forbid('secrets-alone', '^src/secrets', '^src/(queue|store|tracker|engine|ops|fleet/)'),
    forbid('ops-knows-ports-only', '^src/ops', '^src/(store|queue|tracker)/(?!port)'),
    forbid('entry-points-are-thin', '^(publishers|consumers)', '^src/(?!cli/command)'),
    forbid('src-not-tests', '^src', '^(tests|bench)'),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.json'],
      conditionNames: ['import', 'node', 'types'],
    },
  },
}
