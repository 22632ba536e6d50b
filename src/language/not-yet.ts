/** What the language knows and the engine cannot run yet: refused by name, never ignored. */

export type Feature = 'loop.steps' | 'loop.results' | 'connection.snowflake';

export const NOT_YET: ReadonlySet<Feature> = new Set<Feature>(['loop.steps', 'loop.results', 'connection.snowflake']);

/** What to say about each. */
export const NOT_YET_TEXT: Readonly<Record<Feature, { message: string; hint: string }>> = {
  'loop.steps': {
    message: 'a loop whose body has sql, river, loop, parallel or script steps cannot run yet',
    hint: 'Keep to actions, conditions and sequences in its body, and do the rest before or after the loop.',
  },
  'loop.results': {
    message: 'results of a loop cannot be written yet',
    hint: 'Leave results out; `upriver rows RUN` shows every row that did not go through.',
  },
  'connection.snowflake': {
    message: 'steps on a snowflake connection cannot run yet',
    hint: 'Use a duckdb connection for now.',
  },
};
