// SPDX-License-Identifier: Apache-2.0
// Composes an HTML answer with an inline image; standard input is one JSON object of tests/support/peers/readers.py.
'use strict';
const fs = require('fs');
const nodemailer = require('nodemailer');

const wanted = JSON.parse(fs.readFileSync(0, 'utf8'));
nodemailer
  .createTransport({ host: '127.0.0.1', port: wanted.port, name: wanted.host, ignoreTLS: true, logger: false })
  .sendMail({
    from: wanted.from,
    to: wanted.to,
    subject: wanted.subject,
    inReplyTo: wanted.inReplyTo,
    references: wanted.references,
    text: wanted.text,
    html: wanted.html,
    attachments: [
      { filename: 'plate.png', content: Buffer.from(wanted.image, 'hex'), cid: 'plate@nodemailer.example' },
      { filename: '伝票.pdf', content: Buffer.from('%PDF-1.4\n%%EOF\n') },
    ],
  })
  .then((info) => console.log(info.response))
  .catch((error) => {
    console.log(error.message);
    process.exitCode = 1;
  });
