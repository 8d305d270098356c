#!/usr/bin/perl
# A WebSocket echo server for `./dev run` to put into a sandbox: sends every message back. Needs only perl-base and
# coreutils, which every Debian has. Not part of the product.
#
# ws_echo.pl ADDRESS PORT: listens, prints its process id, goes into the background, ends when its own file is removed.
use strict;
use warnings;
use IO::Socket::INET;
use POSIX qw(setsid _exit);

my $frame_bytes_max = 1 << 20;
my ($address, $port) = @ARGV;
my $self = $0;
my $listener = IO::Socket::INET->new(LocalAddr => $address, LocalPort => $port, Listen => 16, ReuseAddr => 1)
  or die "ws_echo: cannot listen on $address:$port: $@\n";

$SIG{CHLD} = 'IGNORE';
my $pid = fork() // die "ws_echo: fork: $!\n";
if ($pid) { print "$pid\n"; exit 0; }
setsid();
open(STDIN, '<', '/dev/null');
open(STDOUT, '>', '/dev/null');
open(STDERR, '>', '/dev/null');

while (-e $self) {
  my $ready = '';
  vec($ready, fileno($listener), 1) = 1;
  next unless select($ready, undef, undef, 1);
  my $client = $listener->accept() or next;
  my $child = fork() // next;
  next if $child;
  alarm 3600;
  serve($client);
  _exit(0);
}

sub serve {
  my ($client) = @_;
  binmode $client;
  $client->autoflush(1);
  my $key;
  while (defined(my $line = <$client>)) {
    last if $line =~ /^\r?\n$/;
    $key = $1 if $line =~ m{^Sec-WebSocket-Key:\s*([A-Za-z0-9+/]{22}==)\s*$}i;
  }
  if (!$key) {
    print $client "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    return;
  }
  print $client "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
    "Sec-WebSocket-Accept: ", accept_value($key), "\r\n\r\n";
  while (my ($head, $payload) = read_frame($client)) {
    my $opcode = $head & 0x0f;
    $head = ($head & 0xf0) | 0x0a if $opcode == 9;    # a ping is answered by a pong
    next if $opcode == 10;
    print $client frame($head, $payload);
    last if $opcode == 8;
  }
}

# RFC 6455 section 4.2.2. The key holds base64 letters only, so it can stand in a shell command.
sub accept_value {
  my ($key) = @_;
  my ($hash) = `printf %s '${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11' | sha1sum` =~ /^([0-9a-f]{40})/;
  my $coded = substr(pack('u', pack('H*', $hash)), 1);    # uuencoding: base64 with other letters
  chomp $coded;
  $coded =~ tr{` -_}{AA-Za-z0-9+/};
  return substr($coded, 0, 27) . '=';
}

sub read_exactly {
  my ($client, $length) = @_;
  my $bytes = '';
  while (length($bytes) < $length) {
    my $got = read($client, $bytes, $length - length($bytes), length($bytes));
    return undef unless $got;
  }
  return $bytes;
}

# (first byte of the head, unmasked payload), or nothing at the end or on a frame that is too long.
sub read_frame {
  my ($client) = @_;
  my ($head, $length) = unpack('CC', read_exactly($client, 2) // return);
  my $masked = $length & 0x80;
  $length &= 0x7f;
  if ($length == 126) { $length = unpack('n', read_exactly($client, 2) // return); }
  elsif ($length == 127) { $length = unpack('Q>', read_exactly($client, 8) // return); }
  return if $length > $frame_bytes_max;
  my $mask = $masked ? read_exactly($client, 4) // return : "\0\0\0\0";
  my $payload = $length ? read_exactly($client, $length) // return : '';
  return ($head, $payload ^ substr($mask x ($length / 4 + 1), 0, $length));
}

sub frame {
  my ($head, $payload) = @_;
  my $length = length $payload;
  return pack('CC', $head, $length) . $payload if $length < 126;
  return pack('CCn', $head, 126, $length) . $payload if $length < 65536;
  return pack('CCQ>', $head, 127, $length) . $payload;
}
