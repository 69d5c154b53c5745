import type { BodyFacts } from "@onceover/core";
import type { HonoRequest } from "hono";

/** What a validator that read the body before us has left with Hono; nothing where it read the raw request. */
export function keptBody(request: HonoRequest): Promise<BodyFacts> | undefined {
  const { arrayBuffer, text, blob, json, formData } = request.bodyCache;
  if ([arrayBuffer, text, blob, json].some((kept) => kept !== undefined)) return bytesOf(request);
  return formData === undefined ? undefined : formOf(formData);
}

async function bytesOf(request: HonoRequest): Promise<BodyFacts> {
  return { outcome: "bytes", bytes: new Uint8Array(await request.arrayBuffer()) };
}

/** Its bytes are gone, and a form of files has no other canonical form: core says so. */
async function formOf(formData: FormData | Promise<FormData>): Promise<BodyFacts> {
  const fields: Record<string, unknown> = Object.create(null);
  const form = await formData;
  for (const name of new Set(form.keys())) {
    const values = form.getAll(name);
    fields[name] = values.length === 1 ? values[0] : values;
  }
  return { outcome: "parsed", value: fields };
}
