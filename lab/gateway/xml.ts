import { escapeXml } from "./errors";

/** The answers of query services are XML of elements without attributes, so that texts of them can be taken and replaced as they are. */

/** Text of the first element of that name that holds no other; `undefined` where there is none. */
export function element(block: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(block)?.[1];
}

/** Replaces an element or adds it at the end; its order does not matter to any SDK. */
export function setElement(block: string, name: string, value: string, isXml = false): string {
  const made = `<${name}>${isXml ? value : escapeXml(value)}</${name}>`;
  const stripped = removeElement(block, name);
  return stripped.replace(/<\/\w+>$/, (end) => made + end);
}

export function removeElement(block: string, name: string): string {
  return block.replace(new RegExp(`<${name}>.*?</${name}>|<${name}/>`, "s"), "");
}

/** An element for each value that is there; lists and further elements come as XML. */
export function elements(values: Record<string, string | number | boolean | Date | undefined>): string {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `<${name}>${escapeXml(value instanceof Date ? value.toISOString() : String(value))}</${name}>`)
    .join("");
}
