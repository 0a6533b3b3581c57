/* What the three clients have in common: a TLS 1.3 connection over loopback, an HTTP/1.1 exchange, times. */
#pragma once
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdint.h>

struct target {
    struct sockaddr_in address;
    SSL_CTX *context;
    /* Names to ask for (SNI and Host). */
    char **names;
    int count;
};

struct connection {
    int fd;
    SSL *ssl;
};

/* Reads `host port names-file`. Ends the program when they are wrong. */
struct target read_target(char **arguments);
/* Connects and completes the handshake; `offered` is a session to resume or NULL, `received` gets the newest ticket. 0: failed. */
int open_connection(const struct target *target, const char *name, SSL_SESSION *offered, SSL_SESSION **received,
                    struct connection *opened);
/* Sends GET `path` and reads the whole answer. 0: failed, or the answer is not 200. */
int exchange(const struct connection *connection, const char *name, const char *path);
/* Ends both layers; without the close_notify OpenSSL would throw the session away. */
void close_connection(struct connection *connection);

/* Microseconds on the monotonic clock. */
double now_us(void);
/* The value below which `share` (0 to 1) of the `count` sorted values lie. */
double quantile(const double *sorted, long count, double share);
int compare_doubles(const void *a, const void *b);
_Noreturn void give_up(const char *why);
