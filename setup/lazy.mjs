// What @pulumi/pulumi has to serialise functions, with the TypeScript compiler behind it, is a third of the driver's start, and
// nothing here serialises one.
import Module from "node:module";

/** Modules whose exports are all functions. */
const SERIALIZERS = /^\.\/closure\/(codePaths|serializeClosure)$/;

/** From here on they are loaded when one of their functions is first called. */
export function loadLazily() {
  const load = Module._load;
  Module._load = function (id, ...rest) {
    if (!SERIALIZERS.test(id)) return load.call(this, id, ...rest);
    const real = () => load.call(this, id, ...rest);
    return new Proxy(
      {},
      {
        get:
          (_, name) =>
          (...args) =>
            real()[name](...args),
      },
    );
  };
}
