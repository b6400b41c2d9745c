// `node --import <this> file.ts`, or import it: from then on this process runs TypeScript, by `require` and by `import()`.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { changeoverHome } from "./home.mjs";

// tsx keeps what it has compiled in a folder of `os.tmpdir()`, which it asks for once, while it loads: let that be the cache folder.
const before = process.env.TMPDIR;
process.env.TMPDIR = join(changeoverHome(), "tmp");
mkdirSync(process.env.TMPDIR, { recursive: true });
const [cjs, esm] = await Promise.all([import("tsx/cjs/api"), import("tsx/esm/api")]);
cjs.register();
esm.register();
if (before === undefined) delete process.env.TMPDIR;
else process.env.TMPDIR = before;
