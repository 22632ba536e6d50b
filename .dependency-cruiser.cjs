/** Who may import whom. Folders are trust zones: CONTRIBUTING.md draws them. Run by `npm run imports`. */

const NODE_BUILTINS = { dependencyTypes: ['core'] };
const PACKAGES = { dependencyTypes: ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'npm-unknown'] };

/** A zone may import itself and what is listed: other zones of ours, or (`packages`) npm packages at all. */
function only(zone, allowed, comment) {
  const zones = [zone, ...allowed].map((path) => `^${path}(/|\\.ts$)`);
  return {
    name: `${zone.replaceAll('/', '-')}-imports`,
    severity: 'error',
    comment,
    from: { path: `^${zone}/` },
    to: { path: '^(src|workflows|activities|test|bench|scripts|examples)/', pathNot: zones },
  };
}

module.exports = {
  forbidden: [
    only('src/core', ['src/contracts'], 'core is pure and is used in every zone, workflows included: it knows nobody.'),
    {
      name: 'core-contracts-types-only',
      severity: 'error',
      comment: 'core knows the shape of a plan; nothing of it runs without one being handed in.',
      from: { path: '^src/core/' },
      to: { path: '^src/contracts/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'core-no-node',
      severity: 'error',
      comment: 'core also runs in the workflow sandbox, where Node does not exist.',
      from: { path: '^src/core/' },
      to: NODE_BUILTINS,
    },
    {
      name: 'core-no-packages',
      severity: 'error',
      comment: 'core also runs in the workflow sandbox: of packages only the pure CEL library may come along.',
      from: { path: '^src/core/' },
      to: { ...PACKAGES, pathNot: 'node_modules/@marcbachmann/cel-js/' },
    },
    only('src/contracts', ['src/core'], 'contracts are the seam between zones: types over core, nothing else.'),
    {
      name: 'contracts-types-only',
      severity: 'error',
      comment: 'A contract that runs code of others would carry that code into every zone.',
      from: { path: '^src/contracts/' },
      to: { dependencyTypesNot: ['type-only'] },
    },
    only(
      'src/language',
      ['src/core', 'src/contracts'],
      'The language turns files into a plan. It opens no connection.',
    ),
    only(
      'src/warehouses',
      ['src/core', 'src/contracts'],
      'A warehouse is told SQL and gives rows. It knows neither HTTP nor our state.',
    ),
    only(
      'src/http',
      ['src/core', 'src/contracts'],
      'HTTP is told one request and gives one verdict. It knows neither rows nor our state.',
    ),
    only(
      'src/state',
      ['src/core', 'src/contracts'],
      'The store keeps what it is told. It knows neither HTTP nor warehouses.',
    ),
    only(
      'src/delivery',
      ['src/core', 'src/contracts', 'src/http'],
      'The row pipeline sends rows and records outcomes. Store and sources are handed to it as interfaces of core.',
    ),
    only(
      'src/sandbox',
      ['src/core'],
      'The practice HubSpot stands for someone else: it shares no code with what it tests.',
    ),
    only(
      'activities',
      ['src/core', 'src/contracts', 'src/warehouses', 'src/http', 'src/state', 'src/delivery'],
      'Activities do what they are told with what they are given. Building things is for the composition roots.',
    ),
    only(
      'workflows',
      ['src/core', 'src/contracts'],
      'Workflow code is replayed: it must not even see code with side effects, nor the types of activities/.',
    ),
    {
      name: 'workflows-packages',
      severity: 'error',
      comment:
        'Workflow code is replayed: of packages only the deterministic parts of the Temporal SDK may come along.',
      from: { path: '^workflows/' },
      to: { ...PACKAGES, pathNot: 'node_modules/@temporalio/(workflow|common)/' },
    },
    {
      name: 'workflows-no-node',
      severity: 'error',
      comment: 'Workflow code runs in a sandbox where Node does not exist.',
      from: { path: '^workflows/' },
      to: NODE_BUILTINS,
    },
    only(
      'src/temporal',
      ['src/core', 'src/contracts', 'src/language', 'src/warehouses', 'src/http', 'src/state', 'activities'],
      'temporal builds a project’s runtime out of the zones. The command line calls it, never the other way round.',
    ),
    {
      name: 'no-tests-in-the-product',
      severity: 'error',
      comment: 'What is shipped must not need what is not.',
      from: { path: '^(src|workflows|activities)/' },
      to: { path: '^(test|bench|scripts|examples)/' },
    },
    {
      name: 'no-dev-packages-in-the-product',
      severity: 'error',
      comment: 'An installed upriver has `dependencies` only.',
      from: { path: '^(src|workflows|activities)/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only', 'npm'] },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      comment:
        'Two files that need each other are one file, or hide a third. (A compiler may be as recursive as its language.)',
      from: { pathNot: '^src/language/compile-' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      comment: 'An import that leads nowhere breaks at run time.',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
