/** What the language knows and the engine cannot run yet: refused by name, never ignored. */

export type Feature = 'loop.steps';

export const NOT_YET: ReadonlySet<Feature> = new Set<Feature>(['loop.steps']);

/** What to say about each. */
export const NOT_YET_TEXT: Readonly<Record<Feature, { message: string; hint: string }>> = {
  'loop.steps': {
    message: 'a loop whose body has sql, river, loop, parallel or script steps cannot run yet',
    hint: 'Keep to actions, conditions and sequences in its body, and do the rest before or after the loop.',
  },
};
