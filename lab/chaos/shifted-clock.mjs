// `node --import <this>?ms=3600000`: the wall clock of this process is off by so much. Timers and performance.now() are not:
// those of a machine whose clock is set go on as before, too.
const ms = Number(new URL(import.meta.url).searchParams.get("ms"));
const Real = globalThis.Date;
const now = () => Real.now() + ms;

const Shifted = new Proxy(Real, {
  apply: () => new Real(now()).toString(),
  construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
  get: (target, key, receiver) => (key === "now" ? now : Reflect.get(target, key, receiver)),
});
Real.prototype.constructor = Shifted;
globalThis.Date = Shifted;
