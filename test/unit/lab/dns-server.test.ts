import { once } from "node:events";
import { Resolver } from "node:dns/promises";
import { connect } from "node:net";
import { streamDecode, streamEncode, type Packet } from "dns-packet";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Answer } from "../../../lab/dns/answer";
import { serveDns } from "../../../lab/dns/server";

const ENDPOINT = { host: "127.66.0.54", port: 18_053 };
let close: () => Promise<void>;

beforeEach(async () => {
  const resolve = (name: string, type: string): Answer => {
    if (name === "nothing.example.com") return { rcode: "NXDOMAIN", records: [], authority: [], trail: [] };
    const count = name === "many.example.com" ? 60 : 1;
    return {
      rcode: "NOERROR",
      records: Array.from({ length: count }, (_, i) => ({ name, type, ttl: 1, value: `192.0.2.${i}` })),
      authority: [],
      trail: [],
    };
  };
  close = await serveDns(ENDPOINT, resolve);
});

afterEach(async () => {
  await close();
});

it("answers a resolver over UDP, and over TCP what does not fit", async () => {
  const resolver = new Resolver({ timeout: 1_000, tries: 1 });
  resolver.setServers([`${ENDPOINT.host}:${ENDPOINT.port}`]);
  expect(await resolver.resolve4("app.example.com", { ttl: true })).toEqual([{ address: "192.0.2.0", ttl: 1 }]);
  expect(await resolver.resolve4("many.example.com")).toHaveLength(60);
  await expect(resolver.resolve4("nothing.example.com")).rejects.toMatchObject({ code: "ENOTFOUND" });
});

it("answers several questions on one TCP connection, however they are cut", async () => {
  const socket = connect(ENDPOINT.port, ENDPOINT.host);
  await once(socket, "connect");
  const question = (id: number): Buffer => streamEncode({ type: "query", id, questions: [{ name: "app.example.com", type: "A" }] });
  const bytes = Buffer.concat([question(1), question(2)]);
  const got: Packet[] = [];
  let held = Buffer.alloc(0);
  socket.on("data", (part: Buffer) => {
    held = Buffer.concat([held, part]);
    while (held.length > 2 && held.length >= 2 + held.readUInt16BE(0)) {
      const size = 2 + held.readUInt16BE(0);
      got.push(streamDecode(held.subarray(0, size)));
      held = held.subarray(size);
    }
  });
  socket.write(bytes.subarray(0, 1));
  await new Promise((resolve) => setTimeout(resolve, 20));
  socket.write(bytes.subarray(1, 40));
  await new Promise((resolve) => setTimeout(resolve, 20));
  socket.write(bytes.subarray(40));
  await vi.waitFor(() => {
    expect(got.map(({ id }) => id)).toEqual([1, 2]);
  });
  socket.destroy();
});
