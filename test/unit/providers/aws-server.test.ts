import * as rpc from "@pulumi/pulumi/proto/provider_pb";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";
import { describe, expect, it, vi } from "vitest";
import { NotReady, ProviderServer, secret, UNKNOWN, type AnyKind, type Properties } from "../../../lab/providers/base";

const URN = "urn:pulumi:lab::changeover::test:index/thing:Thing::mine";

function thing(over: Partial<AnyKind<object>> = {}): AnyKind<object> {
  return {
    inputs: { name: { replace: true, autoName: { maxLength: 20 } }, data: { required: true }, password: {}, size: { computed: true } },
    outputs: ["arn"],
    create: async () => ({ id: "1", outputs: { arn: "arn:1", size: 3 } }),
    update: async () => ({}),
    delete: async () => undefined,
    ...over,
  };
}

async function serverOf(kind: AnyKind<object>) {
  const server = new ProviderServer<object>({
    name: "test",
    version: "1.2.3",
    config: { region: "text", tags: "json" },
    configure: () => ({}),
    kind: (type) => (type === "test:index/thing:Thing" ? kind : undefined),
  });
  const methods = server.methods();
  const call = <Res>(method: string, request: object): Promise<Res> =>
    new Promise((resolve, reject) => {
      (methods[method] as (call: object, done: (error: Error | null, response: Res) => void) => void)({ request }, (error, response) => {
        if (error === null) resolve(response);
        else reject(error);
      });
    });
  await call("configure", new rpc.ConfigureRequest());
  return call;
}

const struct = (value: object): Struct => Struct.fromJavaScript(value as never);
const read = (value: Struct | undefined): Properties => value?.toJavaScript() as Properties;

function checkOf(news: object, olds: object = {}, urn = URN): rpc.CheckRequest {
  const request = new rpc.CheckRequest();
  request.setUrn(urn);
  request.setNews(struct(news));
  request.setOlds(struct(olds));
  request.setRandomseed(new Uint8Array([1, 2, 3]));
  return request;
}

function createOf(properties: object, preview = false): rpc.CreateRequest {
  const request = new rpc.CreateRequest();
  request.setUrn(URN);
  request.setProperties(struct(properties));
  request.setPreview(preview);
  return request;
}

function updateOf(olds: object, oldInputs: object, news: object, preview = false): rpc.UpdateRequest {
  const request = new rpc.UpdateRequest();
  request.setUrn(URN);
  request.setId("1");
  request.setOlds(struct(olds));
  request.setOldInputs(struct(oldInputs));
  request.setNews(struct(news));
  request.setPreview(preview);
  return request;
}

describe("what a stand-in refuses", () => {
  it("names an unknown type", async () => {
    const call = await serverOf(thing());
    await expect(call("check", checkOf({}, {}, URN.replace(/thing:Thing/, "other:Other")))).rejects.toThrow(
      "resource type test:index/other:Other",
    );
  });

  it("names an unknown property and a missing one", async () => {
    const call = await serverOf(thing());
    const response = await call<rpc.CheckResponse>("check", checkOf({ colour: "red" }));
    expect(response.getFailuresList().map((failure) => [failure.getProperty(), failure.getReason()])).toEqual([
      ["colour", expect.stringContaining("no property colour of test:index/thing:Thing")],
      ["data", "missing required property data of test:index/thing:Thing"],
    ]);
  });

  it("names an unknown configuration key and an unknown function", async () => {
    const call = await serverOf(thing());
    const response = await call<rpc.CheckResponse>("checkConfig", checkOf({ region: "eu-north-1", endpoints: "[]" }));
    expect(response.getFailuresList().map((failure) => failure.getProperty())).toEqual(["endpoints"]);
    const invoke = new rpc.InvokeRequest();
    invoke.setTok("test:index/getThing:getThing");
    await expect(call("invoke", invoke)).rejects.toThrow("function test:index/getThing:getThing");
  });

  it("does not create from an unknown", async () => {
    const call = await serverOf(thing());
    await expect(call("create", createOf({ data: { a: [UNKNOWN] } }))).rejects.toThrow(`property data of ${URN} is still unknown`);
  });
});

describe("names", () => {
  it("are made once and kept, but an explicit one is not", async () => {
    const call = await serverOf(thing());
    const first = read((await call<rpc.CheckResponse>("check", checkOf({ data: 1 }))).getInputs());
    expect(first.name).toMatch(/^mine-[0-9a-f]{7}$/);
    const again = checkOf({ data: 2 }, first);
    again.setRandomseed(new Uint8Array([9]));
    expect(read((await call<rpc.CheckResponse>("check", again)).getInputs()).name).toBe(first.name);
    const taken = read((await call<rpc.CheckResponse>("check", checkOf({ data: 2 }, { name: "explicit", data: 1 }))).getInputs());
    expect(taken.name).toMatch(/^mine-/);
  });

  it("of the program's choice make a replacement delete first", async () => {
    const call = await serverOf(thing({ inputs: { name: { replace: true, autoName: {} }, data: { replace: true } } }));
    const diff = async (olds: object, news: object) => {
      const request = new rpc.DiffRequest();
      request.setUrn(URN);
      request.setOldInputs(struct(olds));
      request.setNews(struct(news));
      return await call<rpc.DiffResponse>("diff", request);
    };
    const explicit = await diff({ name: "a", data: 1 }, { name: "a", data: 2 });
    expect([explicit.getReplacesList(), explicit.getDeletebeforereplace()]).toEqual([["data"], true]);
    expect(explicit.getDetaileddiffMap().get("data")?.getKind()).toBe(rpc.PropertyDiff.Kind.UPDATE_REPLACE);
    const generated = await diff({ name: "a-1", data: 1, __defaults: ["name"] }, { name: "a-1", data: 2, __defaults: ["name"] });
    expect(generated.getDeletebeforereplace()).toBe(false);
  });
});

describe("secrets", () => {
  const inputs = { data: { open: "a", closed: secret("b"), list: [{ x: secret("c") }] }, password: secret("p") };

  it("are plain for the kind and secret again where outputs echo them", async () => {
    const create = vi.fn(async () => ({ id: "1", outputs: { arn: "arn:1" } }));
    const call = await serverOf(thing({ create }));
    const outputs = read((await call<rpc.CreateResponse>("create", createOf(inputs))).getProperties());
    expect(create.mock.calls[0]?.slice(1, 2)).toEqual([{ data: { open: "a", closed: "b", list: [{ x: "c" }] }, password: "p" }]);
    expect(outputs).toEqual({ data: { open: "a", closed: secret("b"), list: secret([{ x: "c" }]) }, password: secret("p"), arn: "arn:1" });
  });

  it("stay secret through check and through an update that changes others", async () => {
    const call = await serverOf(thing());
    expect(read((await call<rpc.CheckResponse>("check", checkOf(inputs))).getInputs()).password).toEqual(secret("p"));
    const news = { data: 2, password: secret("p") };
    const outputs = read(
      (await call<rpc.UpdateResponse>("update", updateOf({ data: 1, arn: "arn:1" }, { data: 1 }, news))).getProperties(),
    );
    expect(outputs).toEqual({ data: 2, password: secret("p"), arn: "arn:1" });
  });

  it("are made of what the kind calls secret", async () => {
    const call = await serverOf(thing({ inputs: { data: {}, password: { secret: true } } }));
    const outputs = read((await call<rpc.CreateResponse>("create", createOf({ data: 1, password: "p" }))).getProperties());
    expect(outputs.password).toEqual(secret("p"));
  });
});

describe("preview", () => {
  it("of a create knows the inputs and nothing that the service makes", async () => {
    const call = await serverOf(thing());
    expect(read((await call<rpc.CreateResponse>("create", createOf({ data: 1 }, true))).getProperties())).toEqual({
      data: 1,
      arn: UNKNOWN,
      size: UNKNOWN,
    });
  });

  it("of an update keeps old outputs, less what the program took out", async () => {
    const update = vi.fn();
    const call = await serverOf(thing({ update, volatile: ["etag"] }));
    const request = updateOf(
      { data: 1, password: "p", size: 3, arn: "arn:1", etag: "x" },
      { data: 1, password: "p", size: 3 },
      { data: 2 },
      true,
    );
    const outputs = read((await call<rpc.UpdateResponse>("update", request)).getProperties());
    expect(outputs).toEqual({ data: 2, size: 3, arn: "arn:1", etag: UNKNOWN });
    expect(update).not.toHaveBeenCalled();
  });
});

describe("a resource that exists but is not right", () => {
  const detailsOf = async (create: AnyKind<object>["create"]): Promise<string> => {
    const call = await serverOf(thing({ create }));
    const error = await call("create", createOf({ data: 1 })).then(
      () => expect.fail("was created"),
      (reason: unknown) => reason as { message: string; metadata: { get(name: string): Buffer[] } },
    );
    return error.metadata
      .get("grpc-status-details-bin")
      .map((buffer) => buffer.toString("latin1"))
      .join();
  };

  it("is recorded with what it is", async () => {
    const details = await detailsOf(async () => {
      throw new NotReady("the-id", { arn: "arn:1" }, ["pods crash"]);
    });
    expect(details).toContain("the-id");
    expect(details).toContain("pods crash");
  });

  it("is recorded when a later call of its creation fails, and not when the first does", async () => {
    const half = await detailsOf(async (_ctx, _inputs, request) => {
      request.exists("half-id", { arn: "arn:half" });
      throw new Error("tagging failed");
    });
    expect(half).toContain("half-id");
    expect(half).toContain("arn:half");
    const none = await detailsOf(async () => {
      throw new Error("refused");
    });
    expect(none).toBe("");
  });
});
