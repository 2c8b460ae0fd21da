// Builds nudge.js, nudge-sw.js and their types into gateway/sdk, where the gateway serves them.
// --check: says whether what stands there is what the sources build.
import { readFile, writeFile, mkdir } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const out = new URL("../gateway/sdk/", import.meta.url);
const MOST_BYTES = 6 * 1024;

const bundle = async (source) => {
  const made = await build({
    entryPoints: [new URL(`src/${source}`, import.meta.url).pathname],
    bundle: true,
    minify: true,
    format: "iife",
    target: ["es2021"],
    legalComments: "none",
    charset: "utf8",
    write: false,
  });
  return made.outputFiles[0].text;
};

const files = {
  "nudge.js": await bundle("nudge.ts"),
  "nudge-inbox.js": await bundle("inbox.ts"),
  "nudge-sw.js": await bundle("worker.ts"),
  "nudge.d.ts": await readFile(new URL("src/public.ts", import.meta.url), "utf8"),
};

await mkdir(out, { recursive: true });
for (const [name, text] of Object.entries(files)) {
  const size = gzipSync(text, { level: 9 }).length;
  if (name.endsWith(".js") && size > MOST_BYTES) throw new Error(`${name}: ${size} bytes gzipped`);
  if (process.argv.includes("--check")) {
    const there = await readFile(new URL(name, out), "utf8").catch(() => "");
    if (there !== text) throw new Error(`gateway/sdk/${name} is not what is built: npm run build`);
  } else {
    await writeFile(new URL(name, out), text);
    console.log(`gateway/sdk/${name}: ${text.length} bytes, ${size} gzipped`);
  }
}
