// @ts-check
// Every application names the team that owns it, and every service gets the variables of this site.

/** @type {import("flame-ts/plugin").FlamePlugin<{ prefix: string, environments?: Record<string, string> }>} */
export default {
  name: "require-labels",
  apiVersion: 1,
  optionsSchema: {
    type: "object",
    additionalProperties: false,
    required: ["prefix"],
    properties: {
      prefix: { type: "string", minLength: 1 },
      environments: { type: "object", additionalProperties: { type: "string" } },
    },
  },
  hooks({ options: { prefix, environments } }) {
    return {
      mutate({ spec }, source) {
        // What ships with Flame belongs to nobody in particular.
        if (source.origin === "default")
          spec.labels = [...new Set([...(spec.labels ?? []), `${prefix}flame`])];
        if (environments !== undefined)
          spec.environments = { ...environments, ...spec.environments };
      },
      validate({ spec }) {
        if (spec.labels.some((label) => label.startsWith(prefix))) return [];
        const got = spec.labels.length === 0 ? "no label" : spec.labels.join(", ");
        const hint = `add the team that owns it, such as ${prefix}storage`;
        return [{ path: "spec.labels", got, expected: `a label that begins with ${prefix}`, hint }];
      },
    };
  },
};
