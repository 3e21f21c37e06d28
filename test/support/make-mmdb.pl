#!/usr/bin/perl
# Writes MaxMind DB files with MaxMind's own writer. Standard input is JSON: a list of
# { path, type, built, ipVersion, recordSize, networks: [[NETWORK, RECORD], ...] }; `built` is seconds since 1970.
use strict;
use warnings;

our $now;
BEGIN { *CORE::GLOBAL::time = sub () { defined $now ? $now : CORE::time() } }

use JSON::PP;
use MaxMind::DB::Writer::Tree;

my %types = (
	country => 'map', registered_country => 'map', continent => 'map', city => 'map', location => 'map', names => 'map',
	subdivisions => ['array', 'map'], iso_code => 'utf8_string', code => 'utf8_string', time_zone => 'utf8_string',
	geoname_id => 'uint32', accuracy_radius => 'uint16', latitude => 'double', longitude => 'double',
	is_in_european_union => 'boolean', autonomous_system_number => 'uint32',
	autonomous_system_organization => 'utf8_string', note => 'utf8_string',
);

local $/;
for my $wanted (@{ decode_json(<STDIN>) }) {
	$now = $wanted->{built};
	my $tree = MaxMind::DB::Writer::Tree->new(
		ip_version => $wanted->{ipVersion},
		record_size => $wanted->{recordSize},
		database_type => $wanted->{type},
		languages => ['en'],
		description => { en => 'made for a test' },
		alias_ipv6_to_ipv4 => $wanted->{ipVersion} == 6,
		remove_reserved_networks => 0,
		map_key_type_callback => sub { $types{ $_[0] } // 'utf8_string' },
	);
	$tree->insert_network(@$_) for @{ $wanted->{networks} };
	open my $file, '>:raw', $wanted->{path} or die "$wanted->{path}: $!";
	$tree->write_tree($file);
	close $file or die "$wanted->{path}: $!";
}
