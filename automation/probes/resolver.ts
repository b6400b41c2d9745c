import { Resolver } from "node:dns/promises";

/**
 * Looks a public name up. The resolver is the machine's own, or the one in CHANGEOVER_RESOLVER (`address:port`), for a
 * network whose name servers differ from the public ones.
 */
export async function addressesOf(name: string, timeoutMs = 1_000): Promise<string[]> {
  const resolver = new Resolver({ timeout: timeoutMs, tries: 1 });
  const server = process.env["CHANGEOVER_RESOLVER"];
  if (server) resolver.setServers([server]);
  return (await resolver.resolve4(name)).sort();
}
