/** A stream that is written to at its source's pace, as those of token generators are. A source that fails breaks it. */
export function written(source: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  // Never rejects: what goes wrong reaches whoever reads.
  void write(source, writable.getWriter());
  return readable;
}

async function write(source: AsyncIterable<Uint8Array>, writer: WritableStreamDefaultWriter<Uint8Array>) {
  try {
    for await (const chunk of source) await writer.write(chunk);
    await writer.close();
  } catch (error) {
    await writer.abort(error);
  }
}
