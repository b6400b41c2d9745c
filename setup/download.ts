import { createHash } from "node:crypto";
import { EnvHttpProxyAgent, fetch } from "undici";
import { NotThisWay } from "./part";

/** Heeds the usual proxy variables. */
const dispatcher = new EnvHttpProxyAgent();

/** Quick to say no: a host that cannot be reached must not cost minutes before the next way is tried. */
const ANSWER_MS = 15_000;

/** Reads a file whole. @throws NotThisWay naming the host that did not answer, or what it answered */
export async function download(url: string): Promise<Buffer> {
  const response = await ask(url, "GET");
  return Buffer.from(await response.arrayBuffer());
}

/** @throws NotThisWay when nothing answers at the URL's host; what it answers does not matter */
export async function mustAnswer(url: string): Promise<void> {
  await ask(url, "HEAD", true);
}

async function ask(url: string, method: string, anyStatus = false): Promise<Awaited<ReturnType<typeof fetch>>> {
  const { host } = new URL(url);
  const slow = new AbortController();
  const timer = setTimeout(() => {
    slow.abort();
  }, ANSWER_MS);
  try {
    const response = await fetch(url, { method, dispatcher, signal: slow.signal });
    if (!anyStatus && !response.ok) throw new NotThisWay(`${host} answers ${response.status} for ${new URL(url).pathname}`);
    return response;
  } catch (error) {
    if (error instanceof NotThisWay) throw error;
    const why = slow.signal.aborted ? `no answer in ${ANSWER_MS / 1000} s` : causeOf(error);
    throw new NotThisWay(`${host} cannot be reached: ${why}`);
  } finally {
    clearTimeout(timer);
  }
}

function causeOf(error: unknown): string {
  const { cause, message } = error as Error & { cause?: Error & { code?: string } };
  return cause?.code ?? cause?.message ?? message;
}

/**
 * @param sums the text that the publisher puts beside its files: a lone SHA-256, or lines of SHA-256 and file name
 * @throws NotThisWay unless the sum of `content` is there for `file`
 */
export function checkSum(content: Buffer, sums: string, file: string): void {
  const lines = sums
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+\*?/));
  const wanted = lines.find(([, name]) => name === file)?.[0] ?? (lines.length === 1 && lines[0]?.length === 1 ? lines[0][0] : undefined);
  const sum = createHash("sha256").update(content).digest("hex");
  if (wanted === undefined) throw new NotThisWay(`the publisher's list of sums has no ${file}`);
  if (wanted !== sum) throw new NotThisWay(`${file} has SHA-256 ${sum}, not ${wanted} as published`);
}

/** `{name}` in a URL of sources.json, filled in; `{os}` and `{arch}` are this machine's, in Go's words. */
export function fill(url: string, values: Record<string, string>): string {
  const known: Record<string, string> = { os: process.platform, arch: process.arch === "x64" ? "amd64" : process.arch, ...values };
  return url.replace(/\{(\w+)\}/g, (_, name: string) => known[name] ?? "");
}
