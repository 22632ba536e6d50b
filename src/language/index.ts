/** The door to the language: a project's folder → checked plans. */
export type { ScheduleSpec } from './compile-river.ts';
export { resolveInputs } from './inputs.ts';
export { planFor } from './plan.ts';
export { loadProject, type Project } from './project.ts';
export type { Settings, TlsSettings } from './settings.ts';
