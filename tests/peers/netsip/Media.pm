package Media;
# Both sides of the scenarios that are about media. A phone says words of 20 ms each, "NAME CHANNEL NUMBER" with dots
# behind, and counts the words that it hears, each once. At the end it reports: "said NAME CHANNEL WORDS",
# "heard NAME CHANNEL WORDS", "odd PACKETS" for what is no word or came on a channel of another, "keys ..." for DTMF.
use strict;
use warnings;
use Net::SIP ':all';
use Net::SIP::SDP;
use Net::SIP::Simple::RTP;
use Net::SIP::Util 'create_rtp_sockets';
use Scenarios;

use constant WORDS => 50;    # a second of talk

sub voice { return { said => {}, heard => {}, odd => 0, keys => [] } }

# What send_recv sends: words of that name, at most so many on a channel.
sub speak {
    my ($voice, $name, $most) = @_;
    return sub {
        my (undef, $channel) = @_;
        my $number = ++$voice->{said}{"$name $channel"};
        return sprintf('%-160s', "$name $channel $number ") =~ tr/ /./r if !$most || $number <= $most;
        $voice->{said}{"$name $channel"}--;
        return;
    };
}

sub hear {
    my ($voice) = @_;
    return sub {
        my ($payload, undef, undef, $channel) = @_;
        return $voice->{odd}++ if $payload !~ m{^(\w+)\.(\d+)\.(\d+)\.+$} || $2 != $channel || length $payload != 160;
        $voice->{heard}{"$1 $2"}{$3} = 1;
    };
}

sub heard {
    my ($voice, $name, @channels) = @_;
    for (@channels) {
        return if keys %{ $voice->{heard}{"$name $_"} } < WORDS;
    }
    return 1;
}

sub report {
    my ($voice) = @_;
    print "said $_ $voice->{said}{$_}\n" for sort keys %{ $voice->{said} };
    print "heard $_ ", scalar(keys %{ $voice->{heard}{$_} }), "\n" for sort keys %{ $voice->{heard} };
    print "odd $voice->{odd}\n";
    print "keys @{ $voice->{keys} }\n";
}

sub echo { return Net::SIP::Simple::RTP::media_recv_echo(hear($_[0])) }
sub talk { my ($voice, $name, $most) = @_; return Net::SIP::Simple::RTP::media_send_recv(speak($voice, $name, $most), 1, hear($voice)) }

# Run until something is so, 8 seconds at most.
sub until_so {
    my ($ua, $so) = @_;
    my $stop;
    my $timer = $ua->add_timer(0.02, sub { $stop = $so->() }, 0.02);
    $ua->loop(8, \$stop);
    $timer->cancel;
}

# --- 04, 05: a call with RTP that the callee sends back --------------------------------------------------------------

sub caller_echo {
    my ($me, @more) = @_;
    my $ua    = Scenarios::calling($me);
    my $voice = voice();
    my $call  = $ua->invite(Scenarios::CALLEE, init_media => talk($voice, 'hello', WORDS), cb_rtp_done => \my $done, @more);
    until_so($ua, sub { $done && heard($voice, 'hello', 0) });
    Scenarios::hang_up($call);
    report($voice);
}

sub callee_echo {
    my ($me, @more) = @_;
    my $voice = voice();
    Scenarios::take($me, init_media => echo($voice), cb_dtmf => sub { push @{ $voice->{keys} }, $_[0] }, @more);
    report($voice);
}

# --- 06, 07: the callee changes the session, or puts it on hold and takes it back; new sockets each time -------------

sub caller_moved {
    my ($me) = @_;
    my $ua    = Scenarios::calling($me);
    my $voice = voice();
    my $over;
    my $call = $ua->invite(Scenarios::CALLEE,
        init_media     => talk($voice, 'before'),
        recv_bye       => \$over,
        cb_established => sub { $_[1]->set_param(init_media => echo($voice)) },
    );
    $call->set_param(clear_sdp => 1);    # new sockets when the callee has new ones
    $ua->loop(15, \$over);
    print $over ? "over\n" : "not over\n";
    $ua->loop(0.2);
    report($voice);
}

sub callee_moved {
    my ($me, @changes) = @_;
    my $ua    = Scenarios::called($me);
    my $voice = voice();
    my $call;
    $ua->listen(cb_established => sub { $call ||= $_[1] }, init_media => echo($voice));
    print "ready\n";
    $ua->loop(10, \$call);
    until_so($ua, sub { heard($voice, 'before', 0) });
    for my $name (@changes ? @changes : 'moved') {
        $call->reinvite(
            clear_sdp    => 1,
            call_on_hold => $name eq 'held',
            init_media   => sub { },
            cb_rtp_done  => \my $done,
            cb_final     => \my $final,
        );
        $ua->loop(5, \$final);
        print "$name: ", $final // 'unanswered', "\n";
        $ua->loop(0.2);    # words would overtake the ACK, and the caller listens to new ones after it
        my ($start, @with) = @{ talk($voice, $name, WORDS) };
        $start->(@with, $call, $call->{param});
        until_so($ua, sub { $done && ($name eq 'held' || heard($voice, $name, 0)) });
        $ua->loop(0.2);
    }
    Scenarios::hang_up($call);
    report($voice);
}

sub caller_held { goto &caller_moved }
sub callee_held { callee_moved(@_, 'held', 'resumed') }

# --- 19, 24: keys, as events (RFC 4733) and as tones; the callee sends them back -------------------------------------

sub press {
    my ($me, $param, @keys) = @_;
    my $ua    = Scenarios::calling($me);
    my $voice = voice();
    my $call  = $ua->invite(Scenarios::CALLEE,
        init_media => talk($voice, 'hello'),
        cb_dtmf    => sub { push @{ $voice->{keys} }, $_[0] },
        rtp_param  => $param,
    );
    my $keys = 0;
    while (my ($method, $pressed) = splice @keys, 0, 2) {
        $keys += length $pressed;
        $call->dtmf($pressed, methods => $method, duration => 160);
    }
    until_so($ua, sub { @{ $voice->{keys} } >= $keys });
    Scenarios::hang_up($call);
    report($voice);
}

my @pcma = (8, 160, 0.02, 'PCMA/8000');

sub caller_dtmf { press($_[0], [ 0, 160, 0.02 ], rfc2833 => '12D#', audio => '34B*') }
sub callee_dtmf { callee_echo($_[0]) }

sub caller_tones { press($_[0], [ 0, 160, 0.02 ], audio => '0123456789ABCD*#') }
sub callee_tones { callee_echo($_[0], dtmf_methods => 'audio') }

sub caller_pcma_tones { press($_[0], [@pcma], audio => '0123456789ABCD*#') }
sub callee_pcma_tones { callee_echo($_[0], rtp_param => [@pcma], dtmf_methods => 'audio') }

# --- 20, 21: four channels; some of them are on hold at one side, with port 0 ----------------------------------------

my @caller_hears = (0, 2, 3);
my @callee_hears = (0, 1, 3);

# A description with four channels and their sockets.
sub channels {
    my ($me, @active) = @_;
    my $host = $me->{leg}->laddr(0);
    my (@media, @socks);
    for my $channel (0 .. 3) {
        my ($port, @pair) = create_rtp_sockets($host);
        push @socks, \@pair;
        my $active = grep { $_ == $channel } @active;
        push @media, { port => $active ? $port : 0, proto => 'RTP/AVP', media => 'audio', fmt => 0 };
    }
    return (sdp => Net::SIP::SDP->new({ addr => $host }, @media), media_lsocks => \@socks);
}

sub caller_channels {
    my ($me) = @_;
    my $ua    = Scenarios::calling($me);
    my $voice = voice();
    my $done;
    my $call = $ua->invite(Scenarios::CALLEE, channels($me, @caller_hears), init_media => talk($voice, 'caller', WORDS),
        cb_rtp_done => sub { $done++ });
    until_so($ua, sub { ($done || 0) >= @callee_hears && heard($voice, 'callee', @caller_hears) });
    Scenarios::hang_up($call);
    report($voice);
}

sub callee_channels {
    my ($me) = @_;
    my $voice = voice();
    Scenarios::take($me, channels($me, @callee_hears), init_media => talk($voice, 'callee', WORDS), cb_rtp_done => sub { });
    report($voice);
}

1;
