// A TLS partner from Node.js. Arguments and habits: see tests/peers/partners.py, "Programs of ours".
"use strict";

const fs = require("fs");
const tls = require("tls");

const SIZE = 258;
const [role, host, port, name, version, ca, cert, key, demand] = process.argv.slice(2);
const settings = {
  minVersion: `TLSv${version}`,
  maxVersion: `TLSv${version}`,
  ca: fs.readFileSync(ca),
  ...(cert === "-" ? {} : { cert: fs.readFileSync(cert), key: fs.readFileSync(key) }),
};

function fail(error) {
  console.error(String(error));
  process.exit(1);
}

function client() {
  const data = Buffer.alloc(SIZE);
  for (let had = 0; had < SIZE; ) {
    had += fs.readSync(0, data, had, SIZE - had);
  }
  const socket = tls.connect({
    ...settings,
    host,
    port: Number(port),
    checkServerIdentity: (_, certificate) => tls.checkServerIdentity(name, certificate),
  });
  socket.on("error", fail);
  socket.on("secureConnect", () => socket.write(data));
  socket.on("end", () => socket.end());
  socket.resume();
}

function server() {
  const listener = tls.createServer({
    ...settings,
    requestCert: demand === "demand",
    rejectUnauthorized: demand === "demand",
  });
  listener.on("tlsClientError", fail);
  listener.on("secureConnection", (socket) => {
    socket.on("error", fail);
    socket.on("data", (data) => process.stdout.write(data));
    socket.on("end", () => listener.close());
  });
  listener.listen(Number(port), host, () => console.log("READY"));
}

(role === "client" ? client : server)();
