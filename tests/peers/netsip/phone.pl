#!/usr/bin/perl
# A Net::SIP phone for one scenario: phone.pl caller|callee SCENARIO IP [udp|tcp|tls [CERTIFICATE KEY AUTHORITY]]
#
# It prints where it listens, "at IP:PORT", reads "go PROXY PEER" from standard input, plays its part, and prints what
# happens, a line an event. Every message that arrives is printed before Net::SIP sees it: "in METHOD ..." or
# "in CODE METHOD", and behind it each line of its session description: "sdp ...". It ends by itself within 20 seconds.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Net::SIP ':all';
use Net::SIP::Util qw(INETSOCK ip_parts2string);
use LoudLeg;
use Media;
use Scenarios;

my ($role, $scenario, $ip, $transport, $cert, $key, $authority) = @ARGV;
$transport ||= 'udp';
my $part = Scenarios->can("${role}_$scenario") || Media->can("${role}_$scenario") or die "there is no $role in the scenario $scenario\n";

$| = 1;
$SIG{ALRM} = sub { die "the scenario took too long\n" };
alarm 20;

my $sock = INETSOCK(
    Proto => $transport eq 'udp' ? 'udp' : 'tcp', LocalAddr => $ip, LocalPort => 0,
    $transport eq 'udp' ? () : (Listen => 10),
) or die "no socket at $ip: $!\n";
my $here = ip_parts2string($ip, $sock->sockport);
my $leg  = LoudLeg->new(
    sock => $sock, proto => $transport,
    $transport eq 'udp' ? () : (contact => "sip:$here;transport=$transport"),
    $transport eq 'tls' ? (tls => { SSL_cert_file => $cert, SSL_key_file => $key, SSL_ca_file => $authority }) : (),
);
print "at $here\n";

my (undef, $proxy, $peer) = split ' ', (<STDIN> // die "nobody said go\n");
$part->({ leg => $leg, sock => $sock, transport => $transport, proxy => $proxy, peer => $peer });
