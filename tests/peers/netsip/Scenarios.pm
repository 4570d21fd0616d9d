package Scenarios;
# Both sides of each scenario. A side gets { leg, sock, transport, proxy, peer }: its leg and socket, udp, tcp or tls, the
# proxy's address, the other phone's.
use strict;
use warnings;
use Net::SIP ':all';
use Net::SIP::Blocker;
use Net::SIP::Dropper;
use Net::SIP::Dropper::ByField;
use Net::SIP::Util qw(ip_string2parts ip_parts2sockaddr);

use constant CALLEE => 'sip:callee@example.com';

# --- what several scenarios do ---------------------------------------------------------------------------------------

# A phone whose calls go through the proxy.
sub calling {
    my ($me, @more) = @_;
    my $proxy = $me->{transport} eq 'udp' ? $me->{proxy} : "sip:$me->{proxy};transport=$me->{transport}";
    return Simple->new(leg => $me->{leg}, from => 'sip:caller@example.com', outgoing_proxy => $proxy, @more);
}

# A phone that is called.
sub called {
    my ($me) = @_;
    return Simple->new(leg => $me->{leg}, from => CALLEE, domain => 'example.com');
}

# A receiver of bare requests in place of a phone.
sub receiver {
    my ($me, @chain) = @_;
    my $loop = Dispatcher_Eventloop->new;
    my $disp = Dispatcher->new([ $me->{leg} ], $loop) or die $!;
    $disp->set_receiver(Net::SIP::ReceiveChain->new([ map { $_->($disp) } @chain ]));
    print "ready\n";
    return $loop;
}

sub hang_up {
    my ($call) = @_;
    $call->bye(cb_final => \my $answered);
    $call->loop(\$answered, 5);
    print $answered ? "bye answered\n" : "bye unanswered\n";
}

# Take one call and play along until its end.
sub take {
    my ($me, %listen) = @_;
    my $ua = called($me);
    my $over;
    $ua->listen(cb_established => sub { print "established\n" }, cb_cleanup => sub { $over = 1 }, %listen);
    print "ready\n";
    $ua->loop(15, \$over);
    print $over ? "over\n" : "not over\n";
    $ua->loop(0.2);    # the answer of BYE goes out
}

# --- 02: listen and invite -------------------------------------------------------------------------------------------

sub caller_invite {
    my $ua   = calling(@_);
    my $call = $ua->invite(CALLEE, cb_preliminary => sub { print "preliminary $_[1]\n" });
    print $ua->error ? "failed\n" : "established\n";
    hang_up($call);
}

sub callee_invite {
    take($_[0], cb_create => sub {
        my ($call, $request, $leg, $from) = @_;
        $call->{endpoint}->new_response($call->{ctx}, $request->create_response('180', 'Ringing'), $leg, $from);
        return 1;
    });
}

# --- 05: a call with media between the phones ------------------------------------------------------------------------

sub caller_media {
    my ($me) = @_;
    my $ua = calling($me);
    my ($left, $done) = (30);
    my $call = $ua->invite(CALLEE,
        init_media  => $ua->rtp('send_recv', sub { return $left-- > 0 ? '0123456789abcdef' x 10 : undef }),
        cb_rtp_done => \$done,
    );
    $call->loop(\$done, 5);
    print $done ? "media done\n" : "media not done\n";
    hang_up($call);
}

sub callee_media {
    my ($me) = @_;
    my $heard = 0;
    take($me, init_media => called($me)->rtp('recv_echo', sub { $heard++ }));
    print $heard > 20 ? "media heard\n" : "only $heard packets of media heard\n";
}

# --- 06: the callee changes the session, media flow before and after it ----------------------------------------------

sub caller_reinvite_media {
    my $ua = calling(@_);
    my ($changed, $heard) = (0, 0);
    my $call = $ua->invite(CALLEE,
        init_media     => $ua->rtp('send_recv', sub { '0123456789abcdef' x 10 }),
        clear_sdp      => 1,
        cb_established => sub {
            my (undef, $call) = @_;
            $call->set_param(init_media => $call->rtp('recv_echo', sub { $heard++ }));
            $changed = 1;
        },
    );
    $ua->loop(5, \$changed);
    print $changed ? "session changed\n" : "session not changed\n";
    my $enough;
    my $timer = $ua->add_timer(0.05, sub { $enough = $heard > 20 }, 0.05);
    $ua->loop(5, \$enough);
    print $enough ? "media heard\n" : "only $heard packets of media heard\n";
    hang_up($call);
}

sub callee_reinvite_media {
    my ($me) = @_;
    my $ua = called($me);
    my ($call, $heard, $over) = (undef, 0);
    $ua->listen(
        cb_established => sub { $call ||= $_[1] },
        init_media     => $ua->rtp('recv_echo', sub { $heard++ }),
        cb_cleanup     => sub { $over = 1 },
    );
    print "ready\n";
    $ua->loop(10, \$call);
    my $enough;
    my $timer = $ua->add_timer(0.05, sub { $enough = $heard > 20 }, 0.05);
    $ua->loop(5, \$enough);
    print $enough ? "media heard\n" : "only $heard packets of media heard\n";
    $call->reinvite(
        clear_sdp  => 1,
        init_media => $call->rtp('send_recv', sub { '0123456789abcdef' x 10 }),
        cb_final   => \my $final,
    );
    $ua->loop(5, \$final);
    print "session change: ", $final // 'unanswered', "\n";
    $ua->loop(10, \$over);
    print $over ? "over\n" : "not over\n";
    $ua->loop(0.2);
}

# --- three calls in a row: the callee refuses, the caller changes the session and hangs up, the callee does both ------

sub caller_tour {
    my $ua = calling(@_);
    my ($code, $call, $over);
    $call = $ua->invite('sip:first@example.com', cb_final => sub { my (undef, undef, %info) = @_; $code = $info{code} });
    $ua->loop(5, \$code);
    print "final ", $code // 'none', "\n";

    $call = $ua->invite('sip:second@example.com');
    print $ua->error ? "failed\n" : "established\n";
    $call->reinvite(cb_final => \my $final);
    $ua->loop(5, \$final);
    print "session change: ", $final // 'unanswered', "\n";
    hang_up($call);

    $call = $ua->invite('sip:third@example.com', recv_bye => \$over);
    $ua->loop(5, \$over);
    print $over ? "over\n" : "not over\n";
    $ua->loop(0.2);    # the answer of BYE goes out
}

sub callee_tour {
    my ($me) = @_;
    my $ua = called($me);
    my $third;
    $ua->listen(
        cb_established => sub {
            my (undef, $call) = @_;
            print "established\n";
            $third ||= $call if $call->{ctx}{to} =~ /third\@/;
        },
        cb_create => sub {
            my ($call, $request) = @_;
            return 1 if $request->uri !~ /first\@/;
            return sub {
                my ($self, $endpoint, $ctx, $error, $code, $packet, $leg, $from) = @_;
                return if !$packet || $packet->method ne 'INVITE';
                $endpoint->new_response($ctx, $packet->create_response(504, 'Server Time-out'), $leg, $from);
            };
        },
    );
    print "ready\n";
    $ua->loop(15, \$third);
    $third->reinvite(cb_final => \my $final);
    $ua->loop(5, \$final);
    print "session change: ", $final // 'unanswered', "\n";
    hang_up($third);
}

# --- 11: nobody picks up, the caller gives up ------------------------------------------------------------------------

sub caller_timeout {
    my $ua = calling(@_);
    my ($ringing, $code);
    my $call = $ua->invite(CALLEE,
        cb_preliminary => sub { $ringing ||= $_[1] == 180 },
        cb_final       => sub { my ($status, undef, %info) = @_; $code = $info{code} },
    );
    $ua->loop(5, \$ringing);
    print $ringing ? "ringing\n" : "not ringing\n";
    $call->cancel(cb_final => \my $cancelled);
    $ua->loop(5, \$code);
    print "final ", $code // 'none', "\n";
    $ua->loop(5, \$cancelled);
    print "cancel answered\n" if $cancelled;
}

sub callee_timeout {
    my ($me) = @_;
    my $ua = called($me);
    my $cancelled;
    $ua->listen(cb_create => sub {
        return sub {
            my ($self, $endpoint, $ctx, $error, $code, $packet, $leg, $from) = @_;
            if ($packet && $packet->is_request && $packet->method eq 'INVITE') {
                return $endpoint->new_response($ctx, $packet->create_response(180, 'Ringing'), $leg, $from);
            }
            $cancelled = 1 if $packet && $packet->is_request && $packet->method eq 'CANCEL';
            goto &Net::SIP::Simple::Call::receive;
        };
    });
    print "ready\n";
    $ua->loop(10, \$cancelled);
    $ua->loop(5, \$LoudLeg::seen{ACK});    # of the 487
    print "over\n";
}

# --- 12: maddr in the request-URI says where -------------------------------------------------------------------------

sub caller_maddr {
    my ($me) = @_;
    my ($ip, $port) = ip_string2parts($me->{peer});
    $ip = "[$ip]" if $ip =~ /:/;
    my $ua = Simple->new(leg => $me->{leg}, from => 'sip:caller@example.com', route => ["<sip:$me->{proxy};lr>"]);
    my $call = $ua->invite("<sip:callee\@example.com:$port;maddr=$ip>");
    print $ua->error ? "failed\n" : "established\n";
    hang_up($call);
}

sub callee_maddr { take($_[0]) }

# --- 13: maddr in a Route says where ---------------------------------------------------------------------------------

sub caller_maddr_route {
    my ($me) = @_;
    my ($ip, $port) = ip_string2parts($me->{peer});
    $ip = "[$ip]" if $ip =~ /:/;
    my $notify = Net::SIP::Request->new('NOTIFY', 'sip:john@192.0.2.1:5060', {
        route             => [ "<sip:$me->{proxy};lr>", "<sip:3Zqkv7%0Bqsip%3Ajohn\@far.example.com:$port;maddr=$ip;lr>" ],
        from              => '<sip:caller@example.com>;tag=1',
        to                => '<sip:john@192.0.2.1:5060>;tag=2',
        'call-id'         => "maddr-$$",
        cseq              => '1 NOTIFY',
        event             => 'presence',
        contact           => '<sip:caller@' . $me->{leg}->laddr(1) . '>',
        'max-forwards'    => 70,
        'subscription-state' => 'active',
    });
    answer_to($me, $notify, $me->{proxy});
}

sub callee_maddr_route { receiver($_[0], block(NOTIFY => 481))->loop(5, \$LoudLeg::seen{NOTIFY}) }

# --- 14: the callee changes the session and hangs up -----------------------------------------------------------------

sub caller_hung_up {
    my $ua = calling(@_);
    my ($call, $over);
    my $established = 0;
    $call = $ua->invite(CALLEE, cb_established => sub { $established++ }, recv_bye => \$over);
    $ua->loop(10, \$over);
    print "session changes accepted: $established\n";
    print $over ? "over\n" : "not over\n";
    $ua->loop(0.2);
}

sub callee_hung_up {
    my ($me) = @_;
    my $ua = called($me);
    my $call;
    $ua->listen(cb_established => sub { $call ||= $_[1] });
    print "ready\n";
    $ua->loop(10, \$call);
    $call->reinvite(cb_final => \my $final);
    $ua->loop(5, \$final);
    print "session change: ", $final // 'unanswered', "\n";
    # A re-INVITE of the callee leaves the context that of the caller.
    print "context kept\n" if $call->{ctx}{from} =~ /caller\@/ && $call->{ctx}{to} =~ /callee\@/ && $call->{ctx}{incoming};
    hang_up($call);
}

# --- 15, 22, 26: a refusal and its ACK -------------------------------------------------------------------------------

sub caller_refused {
    my $ua = calling(@_);
    my $code;
    my $call = $ua->invite(CALLEE, cb_final => sub { my (undef, undef, %info) = @_; $code = $info{code} });
    $ua->loop(5, \$code);
    print "final ", $code // 'none', "\n";
    $ua->loop(0.2);
}

sub callee_blocks { receiver($_[0], block(INVITE => 405))->loop(5, \$LoudLeg::seen{ACK}); print "over\n" }

sub callee_fails { receiver($_[0], block(INVITE => 504))->loop(5, \$LoudLeg::seen{ACK}); print "over\n" }

sub caller_blocks { goto &caller_refused }
sub caller_fails  { goto &caller_refused }

sub block {
    my %codes = @_;
    return sub { Net::SIP::Blocker->new(block => {%codes}, dispatcher => $_[0]) };
}

# --- 16: the callee drops the INVITE ---------------------------------------------------------------------------------

sub caller_dropped {
    my $ua = calling(@_);
    my $call = $ua->invite(CALLEE, cb_final => \my $final);
    $ua->loop(2, \$final);
    print $final ? "answered\n" : "no answer\n";
}

sub callee_dropped {
    my ($me) = @_;
    my $drop = sub { Net::SIP::Dropper->new(cb => Net::SIP::Dropper::ByField->new('From' => qr{caller.+xamp})) };
    receiver($me, $drop, block(INVITE => 405))->loop(2.5);
    print "over\n";
}

# --- 17: every request of the call is authorized by the callee -------------------------------------------------------

sub caller_auth {
    my $ua = calling(@_, auth => [ 'me', 'secret' ]);
    my $call = $ua->invite(CALLEE);
    print $ua->error ? "failed\n" : "established\n";
    $call->reinvite(cb_final => \my $final);
    $ua->loop(5, \$final);
    print "session change: ", $final // 'unanswered', "\n";
    hang_up($call);
}

sub callee_auth { take($_[0], auth_user2pass => { me => 'secret' }) }

# --- 03: one domain, one leg; the go line names the three legs of the proxy in place of proxy and peer ---------------

sub caller_forward {
    my ($me) = @_;
    my ($default, $com, $org) = split /,/, $me->{proxy};
    for (
        [ 'sip:me@example.com',           $default ],
        [ 'sip:me@example.com',           $org ],
        [ 'sip:me@somewhere.example.com', $org ],
        [ 'sip:me@example.org',           $com ],
        [ 'sip:me@somewhere.example.org', $com ],
        [ 'sip:me@whatever',              $com ],
    ) {
        my ($uri, $through) = @$_;
        my $options = Net::SIP::Request->new('OPTIONS', $uri, {
            to => "<$uri>", from => '<sip:me@somewhere.com>;tag=1', cseq => '1 OPTIONS',
            'call-id' => "forward-$$-" . rand(), 'max-forwards' => 70,
        });
        answer_to($me, $options, $through);
    }
}

# --- 23: messages that are valid and messages that are not -----------------------------------------------------------

sub caller_valid {
    my ($me) = @_;
    my ($from, $to) = ('From: <sip:me@example.com>;tag=1', 'To: <sip:callee@example.com>');
    my @contacts = ('Contact: <sip:foo@example.com>', 'Contact: <sip:bar@example.com>');
    for my $lines (
        [ $from, $to, 'Call-Id: a', 'Cseq: 10 INVITE' ],
        [ $from, $to, 'Call-Id: b', 'Cseq: 10 BYE' ],
        [ $from, $to, 'Call-Id: c', 'Cseq: 10 INVITE', 'Cseq: 20 INVITE' ],
        [ $from, $to, 'Call-Id: d', 'Cseq: 20 INVITE', 'Call-Id: barfoot@example.com' ],
        [ $from, $to, 'Call-Id: e', 'Cseq: 20 INVITE', 'Content-length: 10' ],
        [ $from, $to, 'Call-Id: f', 'Cseq: 20 INVITE', 'From: <sip:foo@example.com>;tag=2' ],
        [ $from, $to, 'Call-Id: g', 'Cseq: 20 INVITE', 'To: <sip:foo@example.com>' ],
        [ $from, $to, 'Call-Id: h', 'Cseq: 20 INVITE', @contacts ],
    ) {
        my $via = 'Via: SIP/2.0/UDP ' . $me->{leg}->laddr(1) . ';branch=z9hG4bK' . int rand 1e9;
        my $text = join "\r\n", 'INVITE ' . CALLEE . ' SIP/2.0', $via, @$lines, 'Content-length: 0', '', '';
        answer_to($me, $text, $me->{proxy});
    }
}

sub callee_valid { receiver($_[0], block(INVITE => 603))->loop(3) }

# --- a bare message and its answer, which is to be one that Net::SIP accepts -----------------------------------------

sub answer_to {
    my ($me, $message, $through) = @_;
    $me->{loop} ||= Dispatcher_Eventloop->new;
    $me->{disp} ||= Dispatcher->new([ $me->{leg} ], $me->{loop}) || die $!;
    my $answer;
    $me->{disp}->set_receiver(sub { $answer = $_[0]->code });
    my ($ip, $port, $family) = ip_string2parts($through);
    if (ref $message) {
        my $to = { proto => 'udp', host => $ip, addr => $ip, port => $port, family => $family };
        $me->{disp}->deliver($message, leg => $me->{leg}, dst_addr => $to, do_retransmits => 0);
    } else {
        send $me->{sock}, $message, 0, ip_parts2sockaddr($ip, $port, $family);
    }
    $me->{loop}->loop(3, \$answer);
    print "answer ", $answer // 'none', "\n";
}

1;
