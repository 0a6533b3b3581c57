/* Shared by the three clients: a TLS 1.3 connection over loopback, an HTTP/1.1 exchange, times. */
#pragma once
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdint.h>

struct target {
    struct sockaddr_in address;
    SSL_CTX *context;
    /* The names to request (SNI and Host). */
    char **names;
    int count;
};

struct connection {
    int fd;
    SSL *ssl;
};

/* Reads `host port names-file`. Exits if they are invalid. */
struct target read_target(char **arguments);
/* Connects and completes the handshake; `offered` is a session to resume or NULL, `received` gets
   the newest ticket. Returns 0 on failure. */
int open_connection(const struct target *target, const char *name, SSL_SESSION *offered, SSL_SESSION **received,
                    struct connection *opened);
/* Sends GET `path` and reads the whole response. Returns 0 on failure or if it is not a 200. */
int exchange(const struct connection *connection, const char *name, const char *path);
/* Closes both layers; without a close_notify, OpenSSL would discard the session. */
void close_connection(struct connection *connection);

/* Microseconds on the monotonic clock. */
double now_us(void);
/* The value below which `share` (0 to 1) of the `count` sorted values are. */
double quantile(const double *sorted, long count, double share);
int compare_doubles(const void *a, const void *b);
_Noreturn void give_up(const char *why);
