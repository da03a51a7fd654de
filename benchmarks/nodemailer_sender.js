// A program: nodemailer, pooled; it builds each message from text and HTML, as its users do.
//
//     node pooled.js PORT CONNECTIONS MESSAGES FILE      FILE: JSON with subject, text, html, sender; run where nodemailer is
//
// It prints one JSON object: messages, seconds and CPU seconds, from the first message handed over to the last reply.

const fs = require("fs");
const { createRequire } = require("module");
const nodemailer = createRequire(process.cwd() + "/")("nodemailer");

const [port, connections, messages] = process.argv.slice(2, 5).map(Number);
const letter = JSON.parse(fs.readFileSync(process.argv[5], "utf8"));
const pool = nodemailer.createTransport({
    host: "127.0.0.1", port, secure: false, ignoreTLS: true, pool: true, maxConnections: connections, maxMessages: Infinity,
});

async function carry(numbers) {
    for (const number of numbers) {
        await pool.sendMail({
            from: letter.sender, to: `reader.${number}@example.com`, subject: letter.subject, text: letter.text, html: letter.html,
            list: { unsubscribe: `https://letter.example.org/u/${number}` },
        });
    }
}

async function main() {
    const numbers = Array(messages).keys(); // one iterator, shared: each takes the next
    const cpu = process.cpuUsage(), start = performance.now();
    await Promise.all(Array.from({ length: connections }, () => carry(numbers)));
    const seconds = (performance.now() - start) / 1000, used = process.cpuUsage(cpu);
    pool.close();
    console.log(JSON.stringify({ messages, seconds, cpu: (used.user + used.system) / 1e6 }));
}

main().catch((error) => { console.error(error.message); process.exit(1); });
