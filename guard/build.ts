import { join } from "node:path";
import { build } from "esbuild";

/** Bundles the guard into one file that needs nothing but Node beside it: what its image holds. */
export async function buildGuard(outFile: string): Promise<void> {
  await build({
    entryPoints: [join(__dirname, "main.ts")],
    outfile: outFile,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    minify: true,
    // Optional ways of pg to talk to a server that plain Node does not take.
    external: ["pg-native", "pg-cloudflare", "cloudflare:sockets"],
    logLevel: "warning",
  });
}
