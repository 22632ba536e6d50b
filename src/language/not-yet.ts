/** What the language knows and the engine cannot run yet: refused by name, never ignored. */

export type Feature = 'loop.steps' | 'connection.snowflake';

export const NOT_YET: ReadonlySet<Feature> = new Set<Feature>(['loop.steps', 'connection.snowflake']);

/** What to say about each. */
export const NOT_YET_TEXT: Readonly<Record<Feature, { message: string; hint: string }>> = {
  'loop.steps': {
    message: 'a loop whose body has sql, river, loop, parallel or script steps cannot run yet',
    hint: 'Keep to actions, conditions and sequences in its body, and do the rest before or after the loop.',
  },
  'connection.snowflake': {
    message: 'steps on a snowflake connection cannot run yet',
    hint: 'Use a duckdb connection for now.',
  },
};
