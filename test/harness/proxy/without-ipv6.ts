/**
 * Prevents a program from creating IPv6 sockets, like a kernel without IPv6: prctl(2), seccomp(2),
 * socket(2).
 */
const REFUSING = `
  my ($prctl, $socket) = \`uname -m\` =~ /^x86_64/ ? (157, 41) : (167, 198);
  my $filter = join '', map { pack 'SCCL', @$_ }
    [0x20, 0, 0, 0], [0x15, 0, 3, $socket], [0x20, 0, 0, 16], [0x15, 0, 1, 10], [0x06, 0, 0, 0x50000 | 97], [0x06, 0, 0, 0x7fff0000];
  my $program = pack 'Sx![P]P', length($filter) / 8, $filter;
  syscall($prctl, 38, 1, 0, 0, 0) == 0 or die "no_new_privs: $!";
  syscall($prctl, 22, 2, $program) == 0 or die "seccomp: $!";
  exec @ARGV or die $!;
`;

/** Prefixes that run a command as on a host without IPv6, by the missing part. */
export const withoutIpv6: Readonly<Record<string, readonly string[]>> = {
  'a kernel without IPv6': ['perl', '-e', REFUSING],
  'a network where IPv6 is switched off': [
    ...['unshare', '--net', 'sh', '-c'],
    'ip link set lo up && echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6 && exec "$@"',
    'sh',
  ],
};
