import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import type { Endpoint } from "../world";

/** Stands where a server was, resets whoever comes, and counts them: nobody should call a region that is lost. */
export class Tripwire {
  private server: Server | undefined;
  private caught = 0;

  get count(): number {
    return this.caught;
  }

  async open({ host, port }: Endpoint): Promise<void> {
    const server = createServer((socket) => {
      this.caught += 1;
      socket.on("error", () => undefined);
      socket.resetAndDestroy();
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, resolve);
    });
    this.server = server;
  }

  async close(): Promise<void> {
    const server = this.server;
    this.server = undefined;
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  }

  add(connections: number): void {
    this.caught += connections;
  }
}

/**
 * Connections that wait at a listener which nobody accepts from, as at a process that is stopped. Linux keeps that
 * number where another socket has its unread bytes.
 */
export function waitingConnections({ host, port }: Endpoint): number {
  const address = host
    .split(".")
    .reverse()
    .map((octet) => hex(Number(octet), 2))
    .join("");
  const local = `${address}:${hex(port, 4)}`;
  for (const line of readFileSync("/proc/net/tcp", "utf8").split("\n")) {
    const [, at, , state, queues = ""] = line.trim().split(/\s+/);
    if (at === local && state === "0A") return parseInt(queues.split(":")[1] ?? "0", 16);
  }
  return 0;
}

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, "0");
}
