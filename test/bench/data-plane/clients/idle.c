/*
 * Opens connections, sends one small request on each, prints "ready" and holds them open until it
 * is killed.
 *
 *   idle HOST PORT NAMES-FILE CONNECTIONS PATH
 */
#include "tls.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int count, char **arguments) {
    if (count != 6) give_up("usage: idle HOST PORT NAMES-FILE CONNECTIONS PATH");
    struct target target = read_target(arguments + 1);
    int wanted = atoi(arguments[4]);
    for (int i = 0; i < wanted; i++) {
        struct connection connection;
        const char *name = target.names[i % target.count];
        if (!open_connection(&target, name, NULL, NULL, &connection) || !exchange(&connection, name, arguments[5]))
            give_up("a connection failed");
    }
    printf("ready\n");
    fflush(stdout);
    for (;;) pause();
}
