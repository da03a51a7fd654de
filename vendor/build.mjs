// Builds mailer/web/static/vendor from what package-lock.json pins, each with its licence beside it.
import { build } from "esbuild";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";

const pages = "../mailer/web/static/vendor";
const versions = JSON.parse(readFileSync("package.json", "utf8"));

const made = await build({
  entryPoints: ["codemirror.js"],
  bundle: true,
  format: "esm",
  minify: true,
  target: "es2022",
  legalComments: "none",
  metafile: true,
  write: false,
});
const packages = new Set(
  Object.keys(made.metafile.inputs)
    .map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1])
    .filter(Boolean),
);
const licences = [...packages].sort().map((name) => {
  const folder = `node_modules/${name}`;
  const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
  const { version } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  return `${name} ${version}\n\n${readFileSync(`${folder}/${file}`, "utf8").trim()}\n`;
});

mkdirSync(pages, { recursive: true });
writeFileSync(`${pages}/codemirror.js`, made.outputFiles[0].contents);
writeFileSync(`${pages}/codemirror.LICENSE.txt`, licences.join(`\n${"-".repeat(72)}\n\n`));
copyFileSync("node_modules/htmx.org/dist/htmx.min.js", `${pages}/htmx.min.js`);
copyFileSync("node_modules/htmx.org/LICENSE", `${pages}/htmx.LICENSE.txt`);
copyFileSync("node_modules/htmx-ext-sse/sse.js", `${pages}/sse.js`);
copyFileSync("node_modules/htmx-ext-sse/LICENSE", `${pages}/sse.LICENSE.txt`);
console.log(Object.entries({ ...versions.dependencies, ...versions.devDependencies }).map((each) => each.join(" ")).join("\n"));
