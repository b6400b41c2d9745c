import { connect, createServer, type Server, type Socket } from "node:net";
import type { Endpoint } from "../world";

/**
 * Stands where a server will be, until somebody calls: then the server is started there, and those who called meanwhile are
 * put through to it.
 */
export class Doorbell {
  private server: Server | undefined;
  private waiting: Socket[] = [];

  /** @param start resolves when the server listens; told once */
  constructor(
    private readonly endpoint: Endpoint,
    private readonly start: () => Promise<void>,
  ) {}

  async open(): Promise<void> {
    const server = createServer({ pauseOnConnect: true }, (socket) => {
      socket.on("error", () => socket.destroy());
      this.waiting.push(socket);
      if (this.waiting.length === 1) void this.ring();
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.endpoint.port, this.endpoint.host, resolve);
    });
    this.server = server;
  }

  /** Nobody is answered here any more; those who wait are sent away. */
  close(): void {
    this.stopListening();
    for (const socket of this.waiting) socket.destroy();
    this.waiting = [];
  }

  private async ring(): Promise<void> {
    this.stopListening();
    try {
      await this.start();
    } catch {
      this.close();
      return;
    }
    for (const socket of this.waiting) {
      const through = connect(this.endpoint.port, this.endpoint.host);
      const end = (): void => {
        socket.destroy();
        through.destroy();
      };
      through.once("error", end).once("close", end);
      socket.once("close", end);
      socket.pipe(through).pipe(socket);
    }
    this.waiting = [];
  }

  /** Those who are connected stay so. */
  private stopListening(): void {
    this.server?.close();
    this.server = undefined;
  }
}
