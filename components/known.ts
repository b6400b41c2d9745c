/** The entry of that name. @throws RangeError where there is none: two plans of the same topology do not agree */
export function known<T>(entries: Readonly<Record<string, T>>, name: string): T {
  const entry = entries[name];
  if (entry === undefined) throw new RangeError(`${name} is not planned for; there are: ${Object.keys(entries).join(", ") || "none"}`);
  return entry;
}
