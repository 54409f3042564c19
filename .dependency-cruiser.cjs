/** The arrows of docs/architecture.md as rules: a feature may import only what its line allows. */
const infrastructure = '^src/(config|platform|auth|rest)/';
/** What is on the wire is described once, in the SDK, which imports nothing of the server. */
const wire = '^src/client/protocol/';
const only = (feature, allowed) => ({
  name: `${feature}-imports-only-its-own`,
  severity: 'error',
  comment: `${feature} may import: ${allowed.join(', ') || 'nothing'}`,
  from: { path: `^src/${feature}/` },
  to: { path: '^src/', pathNot: [`^src/${feature}/`, ...allowed] },
});

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-circles-between-folders',
      severity: 'error',
      comment:
        'Folders can be understood one after another. Test support outside src may use what its own users are tested with.',
      scope: 'folder',
      from: { path: '^src(/|$)' },
      to: { circular: true, path: '^src(/|$)' },
    },
    only('config', []),
    only('platform', ['^src/config/']),
    only('auth', ['^src/config/', '^src/platform/']),
    only('rest', ['^src/config/', '^src/platform/', '^src/auth/']),
    only('operations', [infrastructure, wire]),
    only('streaming', [infrastructure, wire, '^src/operations/']),
    only('streams', [infrastructure, wire, '^src/streaming/', '^src/operations/']),
    only('webhooks', [infrastructure, wire, '^src/operations/']),
    only('mcp', [infrastructure, wire, '^src/operations/', '^src/streaming/']),
    only('sessions', [
      infrastructure,
      wire,
      '^src/operations/',
      '^src/streaming/',
      '^src/streams/',
      '^src/mcp/',
    ]),
    only('forge', [infrastructure, '^src/operations/', '^src/streaming/', '^src/mcp/', '^src/client/']),
    {
      name: 'dashboard-server-imports-only-infrastructure',
      severity: 'error',
      comment: 'What serves the page does not know what is on it.',
      from: { path: '^src/dashboard/', pathNot: '^src/dashboard/client/' },
      to: { path: '^src/', pathNot: ['^src/dashboard/(?!client/)', infrastructure] },
    },
    only('dashboard/client', ['^src/client/']),
    only('client', []),
    only('cli', ['^src/client/']),
    {
      name: 'client-runs-in-browsers',
      severity: 'error',
      comment:
        'Pages load the SDK as it is: nothing of Node, and `ws` only where a dynamic import chooses it.',
      from: { path: '^src/client/', pathNot: '\\.spec\\.ts$' },
      to: { dependencyTypes: ['core', 'npm'], dependencyTypesNot: ['dynamic-import'] },
    },
    {
      name: 'pure-core',
      severity: 'error',
      comment: 'The state machine knows no framework, no store and no clock.',
      from: { path: '^src/operations/(operation|operation-event|operation-draft|operation-input)\\.ts$' },
      to: {
        pathNot:
          '^src/(platform/(errors/|json)|client/protocol/log-level|operations/(operation|operation-event|operation-draft|operation-input)\\.ts)',
      },
    },
    {
      name: 'adapters-stay-behind-their-port',
      severity: 'error',
      comment: "Only what chooses an adapter imports it: its module, and the store's own program.",
      from: {
        pathNot: ['\\.module\\.ts$', '/adapters/', '\\.(spec|contract)\\.ts$', '^src/store-tool\\.ts$'],
      },
      to: { path: '/adapters/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
