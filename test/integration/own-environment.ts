import { afterAll } from "vitest";

/** Files run in one process, one after another: what one sets in its environment, the lab's above all, is not the next one's. */
const before = { ...process.env };

afterAll(() => {
  for (const name of Object.keys(process.env)) if (!(name in before)) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, before);
});
