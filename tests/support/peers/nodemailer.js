// SPDX-License-Identifier: Apache-2.0
// Sends one mail; standard input is one JSON object of tests/support/peers/clients.py. Exit status 1: it was refused.
'use strict';
const fs = require('fs');
const nodemailer = require('nodemailer');

const wanted = JSON.parse(fs.readFileSync(0, 'utf8'));
const transport = nodemailer.createTransport({
  host: 'localhost',
  port: wanted.port,
  name: 'nodemailer.example',
  secure: wanted.tls === 'implicit',
  ignoreTLS: wanted.tls === 'none',
  requireTLS: wanted.tls === 'starttls',
  tls: { ca: fs.readFileSync(wanted.ca) },
  auth: wanted.login ? { user: wanted.login, pass: wanted.password } : undefined,
  authMethod: wanted.mechanism,
  logger: false,
});
transport
  .sendMail({
    envelope: { from: wanted.from, to: wanted.to },
    raw: fs.readFileSync(wanted.content),
  })
  .then((info) => console.log(info.response))
  .catch((error) => {
    console.log(error.message);
    process.exitCode = 1;
  });
