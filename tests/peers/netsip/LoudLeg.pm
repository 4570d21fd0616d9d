package LoudLeg;
# A Net::SIP leg that prints what arrives on it, with session descriptions, and counts it by method or code.
use strict;
use warnings;
use base 'Net::SIP::Leg';
use Net::SIP::Util 'sip_hdrval2parts';

our %seen;

sub receive {
    my ($self, $packet, $from) = @_;
    my @vias = $packet->get_header('via');
    if ($packet->is_request) {
        my (undef, $top) = sip_hdrval2parts(via => $vias[0]);
        my ($hops) = $packet->get_header('max-forwards');
        my ($over) = $vias[0] =~ m{^SIP/2.0/(\w+) };
        my $stops = join ',', map { m{^SIP/2.0/\w+ ([^;\s]+)} ? $1 : '?' } @vias;
        printf "in %s hops=%s branch=%s over=%s vias=%s\n", $packet->method, $hops // '-', $top->{branch}, $over, $stops;
        $seen{ $packet->method }++;
    } else {
        printf "in %s %s\n", $packet->code, $packet->method;
        $seen{ $packet->code }++;
    }
    my ($type) = $packet->get_header('content-type');
    if (($type // '') eq 'application/sdp') {
        print "sdp $_\n" for split /\r\n/, ($packet->as_parts)[3];
    }
    return $self->SUPER::receive($packet, $from);
}

1;
