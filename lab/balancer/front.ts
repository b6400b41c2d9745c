import { once } from "node:events";
import { createServer as createHttpServer, type RequestListener, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createServer as createNetServer, type Server as NetServer, type Socket } from "node:net";
import type { Certificate } from "../certificates";
import type { Endpoint } from "../world";

/** ELB closes an idle connection after this. */
export const IDLE_MS = 60_000;

/**
 * A listening address of a load balancer. TCP comes first and HTTP is put on top of it, so that the address can also
 * accept and say nothing, as one does in a region that has gone dark.
 */
export class Front {
  private readonly http: Server;
  private readonly tcp: NetServer;
  private readonly open = new Set<Socket>();
  private silent = false;

  constructor(
    readonly endpoint: Endpoint,
    certificate: Certificate | undefined,
    handle: RequestListener,
  ) {
    const listener: RequestListener = (request, response) => {
      if (!this.silent) handle(request, response);
    };
    const options = { keepAliveTimeout: IDLE_MS, connectionsCheckingInterval: IDLE_MS };
    this.http =
      certificate === undefined
        ? createHttpServer(options, listener)
        : createHttpsServer({ ...options, cert: certificate.cert, key: certificate.key, minVersion: "TLSv1.3" }, listener);
    this.http.on("tlsClientError", (_: Error, socket: Socket) => {
      socket.destroy();
    });
    this.tcp = createNetServer({ noDelay: true }, (socket) => {
      this.open.add(socket);
      socket.once("close", () => this.open.delete(socket));
      socket.on("error", () => socket.destroy());
      if (!this.silent) this.http.emit("connection", socket);
    });
  }

  /** @throws where the address is taken */
  async listen(): Promise<void> {
    this.tcp.listen(this.endpoint.port, this.endpoint.host, 1024);
    await once(this.tcp, "listening");
  }

  /** From now on nothing is answered; connections are still taken, and kept. */
  silence(): void {
    this.silent = true;
  }

  get isSilent(): boolean {
    return this.silent;
  }

  /** Closes the address and every connection at once. */
  async close(): Promise<void> {
    const closed = this.tcp.listening ? once(this.tcp, "close") : undefined;
    if (closed !== undefined) this.tcp.close();
    for (const socket of this.open) socket.destroy();
    this.http.closeAllConnections();
    this.http.close();
    await closed;
  }
}
