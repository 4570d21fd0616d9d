#!/usr/bin/perl
# A Net::SIP phone that registers: member.pl IP udp|tcp USER [NAME PASSWORD]. It is USER@example.com, and shows that name and
# password to who asks for them.
#
# It prints where it listens, "at IP:PORT", reads "go PROXY" from standard input, and then does what it reads there, a line a
# thing, until "quit" or two minutes have gone:
#
#   register SECONDS   registered SECONDS, or refused CODE; 0 is to leave
#   retry SECONDS      register with the challenge of the last refusal, and no other
#   as NAME PASSWORD   show these from now on
#   call URI           established, or failed CODE
#   reinvite           session change: OK
#   hangup             bye answered
#
# Who asks for a password is printed as "asked by REALM", who calls as "called" and "over", and every message as in phone.pl.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Net::SIP ':all';
use Net::SIP::Dispatcher::Eventloop;
use Net::SIP::Util qw(INETSOCK ip_parts2string);
use LoudLeg;
use Scenarios;

my ($ip, $transport, $user, @credentials) = @ARGV;
$| = 1;
$SIG{ALRM} = sub { die "nobody said quit\n" };
alarm 120;

my @tcp  = $transport eq 'tcp' ? (Listen => 10) : ();
my $sock = INETSOCK(Proto => $transport, LocalAddr => $ip, LocalPort => 0, @tcp) or die "no socket at $ip: $!\n";
my $here = ip_parts2string($ip, $sock->sockport);
my $way  = $transport eq 'tcp' ? ';transport=tcp' : '';
my $leg  = LoudLeg->new(sock => $sock, proto => $transport, contact => "sip:$here$way");
print "at $here\n";

my ($call, $challenge, $stirred, @heard);
my $words = '';
hear() while !@heard;
my (undef, $proxy) = split ' ', shift @heard;
my $ua = Net::SIP::Simple->new(
    leg => $leg, from => "sip:$user\@example.com", registrar => 'sip:example.com',
    outgoing_proxy => "sip:$proxy$way",
);
$ua->{auth} = \&credentials if @credentials;
$ua->listen(cb_established => sub { $call = $_[1]; print "called\n" }, cb_cleanup => sub { print "over\n" });

$ua->{loop}->addFD(\*STDIN, EV_READ, sub { hear(); $stirred = 1 });
while (1) {
    $stirred = 0;
    $ua->loop(undef, \$stirred) if !@heard;
    act(split ' ', shift(@heard), 3) if @heard;
}

# Standard input has no buffer but this one: the loop must see what is there.
sub hear {
    sysread(STDIN, $words, 4096, length $words) or exit;
    push @heard, $1 while $words =~ s/^(.*)\n//;
}

sub credentials { print "asked by $_[0]\n"; return [@credentials] }

sub act {
    my ($do, @with) = @_;
    if    ($do eq 'register') { register($with[0]) }
    elsif ($do eq 'retry')    { register($with[0], resp40x => $challenge) }
    elsif ($do eq 'as')       { @credentials = @with; $ua->{auth} = \&credentials }
    elsif ($do eq 'call')     { call($with[0]) }
    elsif ($do eq 'reinvite') { reinvite() }
    elsif ($do eq 'hangup')   { Scenarios::hang_up($call) }
    else                      { exit }
}

sub register {
    my ($seconds, @more) = @_;
    my $done;
    $ua->register(contact => "<sip:$user\@$here$way>", expires => $seconds, @more, cb_final => sub {
        my ($status, %said) = @_;
        $challenge = $said{packet} if ($said{code} // 0) == 401;
        $done = $status eq 'OK' ? 'registered ' . ($said{expires} // 0) : 'refused ' . ($said{code} // "error $said{errno}");
    });
    $ua->loop(10, \$done);
    print $done // 'unanswered', "\n";
}

sub call {
    my ($uri) = @_;
    my ($code, $final);
    $call = $ua->invite($uri, cb_final => sub { my ($status, undef, %said) = @_; ($final, $code) = ($status, $said{code}) });
    $ua->loop(10, \$final);
    print +($final // '') eq 'OK' ? "established\n" : 'failed ' . ($code // 'unanswered') . "\n";
}

sub reinvite {
    $call->reinvite(cb_final => \my $final);
    $ua->loop(10, \$final);
    print 'session change: ', $final // 'unanswered', "\n";
}
