export const ADMIN_NOTES = `## How the admin server is reached

- Three kinds of callers: a token's bearer, who may do what its role says; whoever may open the unix socket (mode 0600), who may
  do all; and on loopback callers without either, who may look at what costs little. Role \`tap\` lets its bearer read, and
  nothing more: there is nothing to tap yet.
- One client, an IPv4 address or the /64 of an IPv6 address, may make 600 requests in 10 seconds; what is refused counts, so a flood
  of bad tokens is answered 429. All on a unix socket are one client. \`/livez\` and \`/readyz\` are not counted. Who shares loopback
  with others whom it does not trust takes a unix socket: that one is nobody else's.
- \`diff\` costs much, so it is for callers with a token or the socket alone, 20 times in 10 seconds. A candidate of up to 2 MiB is compared
  beside the main thread, one at a time, within 10 seconds and 512 MiB of memory.
- The commands send a token to other machines by \`https://\` alone.
- There are 64 connections for a client and 256 in all. Above that an old one is closed for the new one, first those
  that wait for no answer, of whoever has most. The head of a request has 5 seconds to come, the whole of it 10, the next one 15.
- A reload puts tokens, roles and certificate of the admin server in force at once, on open connections, too. A new address is opened
  before the old one is left; one that cannot be is said in the answer of the reload (\`warnings\`; \`sluice reload\`: \`not yet:\`)
  and tried again after 1 to 10 seconds. Until then the old one goes on, by the new tokens.

## What becomes of changes at run time

- They go before what the file says, until they are changed again: weights, drains, backends added and removed, rates and the level of
  the log. A reload keeps them, also one that changes the same key. A restart forgets them unless \`state\` names a file.
- One of a host name's addresses is shown as \`name/address\`. What is changed by that name is its entry in the file, and so all
  addresses of the host name, those that it gets later, too. The log calls it by the entry's name.
- Each is one line in the log with who asked, whatever \`log.level\` is.
- A reload that would leave a pool without a backend, since those that the file has of it were removed, is refused. A start is not:
  the removed ones are back then, and one line in the log says so.
- The state file is on the disk before a change is answered, whole or not at all. One that cannot be read or is damaged ends a
  start with exit code 1 and is left as it is; mend it, or move it away to start without what it keeps.`;
