import { join } from "node:path";
import { build } from "esbuild";

/** What a pod's `node` is started with, before the program: small heap, few helper threads. */
export const SERVICE_NODE_ARGUMENTS = ["--max-old-space-size=64", "--max-semi-space-size=1", "--v8-pool-size=1"];

/** Bundles the service into one file that needs nothing beside it. */
export async function buildService(outFile: string): Promise<void> {
  await build({
    entryPoints: [join(__dirname, "program.ts")],
    outfile: outFile,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    minify: true,
    // Optional ways of pg to talk to a server that plain Node does not take.
    external: ["pg-native", "pg-cloudflare", "cloudflare:sockets"],
    // pg asks for these to tell a Cloudflare worker; in Node the mere question loads the whole of fetch.
    define: { Response: "undefined", navigator: "undefined" },
    logLevel: "warning",
  });
}
