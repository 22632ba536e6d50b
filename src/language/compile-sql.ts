/** A step of SQL: its text, from the river's file or one of its own, and where the result goes. */
import type { SqlStep, SqlText, TableTarget, VariableTarget, WarehouseType } from '../contracts/plan.ts';
import { didYouMean } from '../core/suggest.ts';
import { checkMergeKey } from './check-columns.ts';
import { baseOf, checkVariable, type Parsed, type StepContext } from './compile-steps.ts';
import { checkSql } from './names.ts';
import type { Path } from './source.ts';
import { sqlFileProblems } from './sql-file.ts';

const TEXTS = ['query', 'query_file', 'script', 'script_file'] as const;
/** Letters are those of any language. */
const PART = '(?:[\\p{L}_][\\p{L}\\p{M}\\p{N}_$]*|"(?:[^"]|"")+")';
const TABLE = new RegExp(`^${PART}(?:\\.${PART}){0,2}$`, 'u');

export function compileSqlStep(step: Parsed<'sql'>, path: Path, context: StepContext): SqlStep {
  const { connection } = step;
  const warehouse = checkWarehouse(connection, [...path, 'connection'], context);
  const script = step.script !== undefined || step.script_file !== undefined;
  const target = compileTarget(step, script, path, context);
  const sql = compileText(step, warehouse, path, context);
  const sqlStep: SqlStep = { ...baseOf(step), type: 'sql', connection, sql, script, target };
  checkMergeKey(sqlStep, path, context);
  return sqlStep;
}

/** The connection's type; duckdb where it is not known. */
export function checkWarehouse(name: string, path: Path, { file, registry }: StepContext): WarehouseType {
  const known = registry.connections.get(name);
  if (known === undefined) {
    const hint = didYouMean(name, registry.connections.keys(), 'Define it in connections.yaml.');
    file.add(path, { code: 'RIVER_UNKNOWN_CONNECTION', message: `no connection is named '${name}'`, hint });
  }
  if (!known) return 'duckdb';
  const { type } = known.plan;
  if (type === 'http') {
    const warehouses = [...registry.connections]
      .filter(([, other]) => other && other.plan.type !== 'http')
      .map(([other]) => other);
    file.add(path, {
      code: 'RIVER_WRONG_CONNECTION',
      message: `'${name}' is an http connection; SQL needs a warehouse`,
      hint:
        warehouses.length > 0
          ? `Warehouses: ${warehouses.join(', ')}.`
          : 'Define one with type: duckdb in connections.yaml.',
    });
    return 'duckdb';
  }
  return type;
}

export function checkTable(table: string, path: Path, { file }: StepContext): void {
  if (TABLE.test(table)) return;
  file.add(path, {
    code: 'RIVER_BAD_VALUE',
    message: `'${table}' is not a table's name`,
    hint: 'Write one to three dotted parts: DB.SCHEMA.TABLE, or "Any name" in double quotes.',
  });
}

function compileText(step: Parsed<'sql'>, warehouse: WarehouseType, path: Path, context: StepContext): SqlText {
  const { file, names } = context;
  const [key, other] = TEXTS.filter((name) => step[name] !== undefined);
  if (key === undefined) {
    file.add(path, {
      code: 'RIVER_MISSING_KEY',
      message: 'the step has no SQL',
      hint: 'Add query, query_file, script or script_file.',
    });
    return [];
  }
  if (other !== undefined) {
    file.add(
      [...path, other],
      { code: 'RIVER_CONFLICT', message: `a step has one of ${TEXTS.join(', ')}`, hint: `Keep ${key} or ${other}.` },
      { at: 'key' },
    );
  }
  const at = [...path, key];
  const text = step[key]!;
  if (key === 'query' || key === 'script') return checkSql({ text, file, path: at }, names, warehouse);
  const content = context.registry.readText(text);
  if (content === null) {
    file.add(at, {
      code: 'RIVER_MISSING_FILE',
      message: `there is no file ${text}`,
      hint: 'Paths are relative to the project; correct it or make the file.',
    });
    return [];
  }
  return checkSql({ text: content, file: sqlFileProblems(text, content, file), path: [] }, names, warehouse);
}

function compileTarget(
  step: Parsed<'sql'>,
  script: boolean,
  path: Path,
  context: StepContext,
): TableTarget | VariableTarget | null {
  const { file } = context;
  const { target } = step;
  const at = [...path, 'target'];
  if (script) {
    if (target)
      file.add(
        at,
        {
          code: 'RIVER_CONFLICT',
          message: 'a script has no target',
          hint: 'Take it out, or make the statement that gives the rows a query.',
        },
        { at: 'key' },
      );
    return null;
  }
  if (!target) {
    const hint = 'Add target: { table: …, mode: … } or { variable: … }; for statements without a result use script.';
    if (step.query !== undefined || step.query_file !== undefined) file.missing(path, 'target', hint);
    return null;
  }
  if (file.faulty([...at, 'table']) || file.faulty([...at, 'variable'])) return null;
  if ((target.table === undefined) === (target.variable === undefined)) {
    file.add(at, {
      code: 'RIVER_CONFLICT',
      message: 'a target is a table or a variable',
      hint: 'Write { table: …, mode: … } or { variable: … }.',
    });
    return null;
  }
  return target.variable === undefined ? tableTarget(target, at, context) : variableTarget(target, at, context);
}

type Target = NonNullable<Parsed<'sql'>['target']>;

function variableTarget(target: Target, at: Path, context: StepContext): VariableTarget {
  const { file, shell } = context;
  const variable = target.variable!;
  for (const key of ['mode', 'key'] as const) {
    if (target[key] !== undefined)
      file.add(
        [...at, key],
        { code: 'RIVER_CONFLICT', message: `${key} is for tables`, hint: 'Take it out.' },
        { at: 'key' },
      );
  }
  checkVariable(variable, 'any', [...at, 'variable'], context);
  return { kind: 'variable', variable, multiple: shell.variables[variable]?.multiple ?? false };
}

function tableTarget(target: Target, at: Path, context: StepContext): TableTarget {
  const { file } = context;
  const { table = '', mode, key } = target;
  checkTable(table, [...at, 'table'], context);
  if (mode === undefined) file.missing(at, 'mode', 'Add mode: overwrite, append or merge.');
  if (mode === 'merge' && !key) {
    file.add([...at, 'mode'], {
      code: 'RIVER_KEYLESS_MERGE',
      message: 'merge needs a key',
      hint: 'Add key: [columns that identify a row].',
    });
  }
  if (mode !== 'merge' && key)
    file.add(
      [...at, 'key'],
      { code: 'RIVER_CONFLICT', message: 'key is for merge', hint: 'Take it out, or use mode: merge.' },
      { at: 'key' },
    );
  return { kind: 'table', table, mode: mode ?? 'overwrite', key: key ?? [] };
}
