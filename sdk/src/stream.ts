/** Server-sent events from a response: `EventSource` cannot send who we are. */

/** Calls `heard` with each event's name and data, until the stream ends. */
export const events = async (
  body: ReadableStream<Uint8Array>,
  heard: (name: string, data: string) => void,
): Promise<void> => {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  for (let rest = ""; ; ) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + decoder.decode(value, { stream: true })).split("\n\n");
    rest = parts.pop()!;
    for (const part of parts) {
      let name = "";
      let data = "";
      for (const line of part.split("\n")) {
        if (line.startsWith("event: ")) name = line.slice(7);
        if (line.startsWith("data: ")) data += line.slice(6);
      }
      if (data) heard(name, data);
    }
  }
};
