/**
 * The guard of a site. It runs beside the services, looks every few seconds whether another site has become active, and
 * shuts the site's database if so. Its environment says all it has to know: guard/settings.ts.
 *
 *   GET /ready    200, or 503 while the site is fenced or nobody has been able to look for a lease
 *   GET /status   what was seen last and what was done about it, and why
 */
import { createServer } from "node:http";
import { Database } from "./database";
import { Guard } from "./guard";
import { readSettings, type Settings } from "./settings";
import { OwnSwitch, Switches } from "./switches";

function log(message: string, more: Record<string, unknown> = {}): void {
  const { SITE: site, EPOCH: epoch, ROLE: role } = process.env;
  process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), program: "guard", site, role, epoch, message, ...more })}\n`);
}

function start(settings: Settings): void {
  const database = new Database(settings);
  const switches = new Switches(settings.others);
  const own = new OwnSwitch(settings.ownSwitch);
  const guard = new Guard(settings, {
    readSwitches: () => switches.read(),
    turnOwnSwitchOff: (upTo) => own.turnOff(upTo),
    withDatabase: (work) => database.use(work),
    log,
  });

  const server = createServer((request, response) => {
    const path = (request.url ?? "/").split("?")[0];
    const { status } = guard;
    const code = path === "/ready" ? (guard.ready ? 200 : 503) : path === "/status" ? 200 : 404;
    const body = path === "/ready" ? { ready: guard.ready } : path === "/status" ? status : { error: "no such path" };
    response.writeHead(code, { "content-type": "application/json", "cache-control": "no-store" }).end(`${JSON.stringify(body)}\n`);
  });
  server.on("error", (error) => {
    log("cannot listen", { error: error.message });
    process.exit(1);
  });
  server.listen(settings.listen.port, settings.listen.host, () => {
    log("listening", { pod: settings.pod, address: `${settings.listen.host}:${settings.listen.port}` });
  });

  const over = new AbortController();
  void guard.run(over.signal);
}

// At once: whatever is under way is one transaction, and the server gives it up with the connection.
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => process.exit(0));

try {
  start(readSettings(process.env));
} catch (error) {
  log("cannot start", { error: (error as Error).message });
  process.exitCode = 2;
}
