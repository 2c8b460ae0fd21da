// Builds the SDK and its types into gateway/sdk, where the gateway serves them, and the demo
// shop's script into gateway/demo.
// --check: says whether what stands there is what the sources build.
import { readFile, writeFile, mkdir } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const root = new URL("../gateway/", import.meta.url);
const MOST_BYTES = 6 * 1024;

const bundle = async (source) => {
  const made = await build({
    entryPoints: [new URL(source, import.meta.url).pathname],
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
  "sdk/nudge.js": await bundle("src/nudge.ts"),
  "sdk/nudge-inbox.js": await bundle("src/inbox.ts"),
  "sdk/nudge-sw.js": await bundle("src/worker.ts"),
  "sdk/nudge.d.ts": await readFile(new URL("src/public.ts", import.meta.url), "utf8"),
  "demo/static/shop.js": await bundle("demo/shop.ts"),
};

for (const [name, text] of Object.entries(files)) {
  const size = gzipSync(text, { level: 9 }).length;
  const bounded = name.startsWith("sdk/") && name.endsWith(".js");
  if (bounded && size > MOST_BYTES) throw new Error(`${name}: ${size} bytes gzipped`);
  const place = new URL(name, root);
  if (process.argv.includes("--check")) {
    const there = await readFile(place, "utf8").catch(() => "");
    if (there !== text) throw new Error(`gateway/${name} is not what is built: npm run build`);
  } else {
    await mkdir(new URL(".", place), { recursive: true });
    await writeFile(place, text);
    console.log(`gateway/${name}: ${text.length} bytes, ${size} gzipped`);
  }
}
