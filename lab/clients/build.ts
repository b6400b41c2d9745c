import { join } from "node:path";
import { build } from "esbuild";

/** Bundles the writers into one file that plain `node` runs: they start faster and weigh less than through a loader. */
export async function buildClients(outFile: string): Promise<void> {
  await build({
    entryPoints: [join(__dirname, "main.ts")],
    outfile: outFile,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    logLevel: "warning",
  });
}
